/** What the variant's plan decided before attending: segments, windows, sets, with mass a node. */

import type { Structure } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setAttribute, setText, show } from '../dom';
import type { Box, Depths } from '../draw/icicle';
import { contiguous, depthsOf, drawIcicle, icicleHeight, icicleLayout, nodeAt } from '../draw/icicle';
import { count, plural, share } from '../format';
import { exportMenu } from '../exports/menu';
import { structureTable } from '../exports/tables';
import { Latest } from '../latest';
import { section, tableToggle } from '../section';
import { isShown, rowKey, rowRef } from '../selected';
import { dataOf, rangeOf } from '../state';
import { Surface } from '../surface';
import { WhenSeen } from '../whenSeen';
import { currentAxis, dragPan, wheelZoom, zoomKey } from '../zoom';
import { createTree } from './tree';

export function createSegments(context: Context): HTMLElement {
  const { store, theme, tip } = context;
  const view = section(
    'segments',
    'Segments',
    'What the variant decided before attending, and where the token’s mass lies in it',
  );
  let structure: Structure | undefined;
  let depths: Depths = { of: new Int32Array(), count: 0 };
  let active: number | undefined;

  const surface = new Surface(theme, (pen, size, palette) => {
    const { range, total } = store.range;
    if (structure === undefined || total === 0) return;
    const token = store.selection?.token ?? undefined;
    drawIcicle(pen, size, { structure, depths, range, total, token, active }, palette);
  });
  const plot = h(
    'div',
    { class: 'plot', role: 'group', tabindex: 0, 'aria-label': 'Segments over the document' },
    surface.canvas,
  );
  const note = h('p', { class: 'muted small' });
  const cut = h('p', { class: 'muted small', hidden: true });
  const tree = createTree(context);
  view.tools.append(
    exportMenu(context, 'the segments', () =>
      structure === undefined || structure.nodes.length === 0
        ? undefined
        : {
            title: `${structure.title === '' ? 'Segments' : structure.title}, token ${store.selection?.token ?? 'none'}`,
            drawing: plot.hidden ? undefined : surface.drawing,
            tables: [structureTable(structure)],
          },
    ),
    tableToggle(store, 'segments', 'the segments'),
  );
  view.body.append(plot, tree.element, note, cut);

  const boxes = (): readonly Box[] =>
    structure === undefined ? [] : icicleLayout(structure, depths, currentAxis(store, plot));
  const under = (x: number, y: number): number | undefined =>
    structure === undefined ? undefined : nodeAt(boxes(), structure.nodes, x, y);

  function arrange(): void {
    if (structure === undefined) return;
    const listed = store.isTable('segments') || !contiguous(structure);
    show(plot, !listed);
    show(tree.element, listed);
    const isWeighed = structure.nodes.some(({ mass }) => Number.isFinite(mass));
    const meaning = `; ${listed ? 'bars' : 'colour'}: share of the token’s mass`;
    setText(note, `${structure.title}${isWeighed ? meaning : ''}.`);
    const { token, head } = store.selection ?? {};
    if (listed) tree.show(structure, { token: token ?? undefined, head });
    else {
      surface.canvas.style.height = `${icicleHeight(depths)}px`;
      surface.invalidate();
    }
  }

  function empty(): string {
    const { state } = store.model;
    const layer = state?.selection.layer ?? 0;
    const id = state?.inspection?.layerVariants[layer]?.id;
    const title = state?.variants.find(variant => variant.id === id)?.title ?? id ?? 'This variant';
    return id === 'dense'
      ? 'Dense attention decides nothing before attending: every token may look at all earlier ones. Choose another variant above to see its segments.'
      : `${title} made no segments of this document.`;
  }

  const latest = new Latest<Structure>(answer => {
    if (answer.kind === 'problem') {
      structure = undefined;
      view.message(answer.problem, context.tone);
      return;
    }
    structure = answer.value;
    const { nodes, title, total } = structure;
    active = undefined;
    view.message(nodes.length === 0 ? empty() : undefined);
    if (nodes.length === 0) return;
    depths = depthsOf(structure);
    show(cut, total > nodes.length);
    setText(
      cut,
      `${count(nodes.length)} of ${plural(total, 'node')}: those that hold the token, and the heaviest.`,
    );
    const heaviest = nodes.reduce(
      (best, node, at) => ((node.mass || 0) > (nodes[best]!.mass || 0) ? at : best),
      0,
    );
    const heavy = nodes[heaviest]!;
    setAttribute(
      plot,
      'aria-label',
      `${title} over the document, ${plural(nodes.length, 'node')}${Number.isFinite(heavy.mass) ? `; heaviest ${heavy.label} with ${share(heavy.mass)}` : ''}. Show it as a table to walk through the nodes.`,
    );
    arrange();
  });
  const seen = new WhenSeen(view.content);
  store.watch(
    model => rowKey(model) ?? dataOf(model.state),
    (key, model) => {
      show(view.element, key !== undefined);
      if (key === undefined) {
        structure = undefined;
        seen.forget();
        latest.forget();
      } else {
        const ref = rowRef(model);
        const scope = model.state?.inspection?.id ?? '';
        const { layer = 0, head = 0 } = model.state?.selection ?? {};
        const holds = isShown(context, { layer, head });
        seen.ask(() => latest.ask(scope, () => context.host.structure(ref), holds));
      }
    },
  );
  store.watch(model => model.choices.tables.includes('segments'), arrange);
  store.watch(
    model => {
      const { range } = rangeOf(model);
      return `${range.start} ${range.end}`;
    },
    () => surface.invalidate(),
  );

  wheelZoom(store, plot);
  dragPan(store, plot, (x, y) => {
    plot.focus();
    const node = under(x, y);
    const first = node === undefined ? undefined : structure?.nodes[node]?.ranges[0];
    if (first !== undefined) context.reveal(first);
  });
  plot.addEventListener('pointermove', event => {
    if (event.buttons !== 0) return;
    active = under(event.offsetX, event.offsetY);
    surface.invalidate();
    const node = active === undefined ? undefined : structure?.nodes[active];
    if (node === undefined) tip.hide();
    else {
      const [from = 0, to = 0] = node.ranges;
      tip.show(event.clientX, event.clientY, [
        node.label,
        ...(Number.isFinite(node.mass) ? [`Mass ${share(node.mass)}`] : []),
        `Tokens ${count(from)} to ${count(to - 1)}`,
      ]);
    }
  });
  plot.addEventListener('pointerleave', () => {
    active = undefined;
    tip.hide();
    surface.invalidate();
  });
  plot.addEventListener('keydown', event => {
    if (zoomKey(store, event)) event.preventDefault();
  });
  return view.element;
}
