/** All heads of the selected layer for one token, side by side. */

import type { Row } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setAttribute, setText, show } from '../dom';
import { setFont } from '../draw/pen';
import { drawStrip } from '../draw/strip';
import { exportMenu } from '../exports/menu';
import { within } from '../exports/picture';
import { rowsTable } from '../exports/tables';
import { compact, nats, plural, share } from '../format';
import { section } from '../section';
import { rowRef, watchLayerRows } from '../selected';
import { rangeOf } from '../state';
import { type Drawing, Surface } from '../surface';
import { WhenSeen } from '../whenSeen';

/** Of an exported strip, in pixels: its height, and the room for its name. */
const STRIP = 18;
const NAME = 36;

interface Entry {
  readonly element: HTMLElement;
  readonly surface: Surface;
  readonly label: HTMLElement;
  readonly value: HTMLElement;
  /** Read between label and value by a screen reader. */
  readonly rest: HTMLElement;
}

export function createHeads(context: Context): HTMLElement {
  const { store, theme, tip } = context;
  const view = section(
    'heads',
    'Heads of the layer',
    'What every head of this layer does with the same token',
  );
  const list = h('div', {
    class: 'strips',
    role: 'listbox',
    tabindex: 0,
    'aria-label': 'Heads of the layer',
  });
  const scale = h(
    'div',
    { class: 'strip caption', 'aria-hidden': 'true' },
    h('span'),
    h('span', {}, 'mass over the document'),
    h('span', { class: 'number' }, 'span, tokens'),
  );
  view.body.append(scale, list);
  view.tools.append(
    exportMenu(context, 'the heads', () =>
      rows.length === 0
        ? undefined
        : {
            title: `Heads of layer ${rows[0]?.layer ?? 0}, token ${rows[0]?.token ?? 0}`,
            drawing: stripsDrawing(),
            tables: [rowsTable(rows)],
          },
    ),
  );
  let rows: readonly Row[] = [];
  const entries: Entry[] = [];

  /** The strips with their names and spans, which stand beside the drawings on the page. */
  function stripsDrawing(): Drawing {
    const { range, total } = store.range;
    const strip = { width: entries[0]?.surface.drawing.size.width ?? 0, height: STRIP };
    return {
      size: { width: strip.width + 2 * NAME, height: rows.length * (STRIP + 4) },
      draw: (pen, _size, palette) => {
        rows.forEach((row, at) => {
          const top = at * (STRIP + 4);
          setFont(pen, palette);
          pen.fillStyle = palette.foreground;
          pen.textBaseline = 'middle';
          pen.textAlign = 'right';
          pen.fillText(`H${row.head}`, NAME - 8, top + STRIP / 2);
          pen.fillText(compact(row.span), strip.width + 2 * NAME, top + STRIP / 2);
          within(pen, NAME, top, () => drawStrip(pen, strip, row, range, total, palette));
        });
      },
    };
  }

  function make(head: number): Entry {
    const surface = new Surface(theme, (pen, size, palette) => {
      const row = rows[head];
      const { range, total } = store.range;
      if (row !== undefined && total > 0) drawStrip(pen, size, row, range, total, palette);
    });
    const label = h('span', { class: 'head-name' });
    const value = h('span', { class: 'number' });
    const rest = h('span', { class: 'unseen' });
    const element = h(
      'div',
      { class: 'strip', role: 'option', id: `head-option-${head}` },
      label,
      rest,
      surface.canvas,
      value,
    );
    element.addEventListener('click', () => context.select({ head }));
    element.addEventListener('pointermove', event => {
      const row = rows[head];
      if (row === undefined) return;
      tip.show(event.clientX, event.clientY, [
        `Layer ${row.layer}, head ${row.head}`,
        `Span: ${plural(row.span, 'token')}`,
        `Entropy: ${nats(row.entropy)} nats`,
        `Sink mass: ${share(row.sink)}`,
      ]);
    });
    element.addEventListener('pointerleave', () => tip.hide());
    return { element, surface, label, value, rest };
  }

  function mark(): void {
    const head = store.selection?.head;
    entries.forEach((entry, at) => setAttribute(entry.element, 'aria-selected', String(at === head)));
    const option = head === undefined ? undefined : entries[head]?.element.id;
    setAttribute(list, 'aria-activedescendant', option);
  }

  list.addEventListener('keydown', event => {
    const head = store.selection?.head ?? 0;
    const last = (store.model.state?.inspection?.heads ?? 1) - 1;
    const next = { ArrowUp: head - 1, ArrowDown: head + 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    context.select({ head: Math.max(0, Math.min(last, next)) });
    event.preventDefault();
  });

  store.watch(
    model => rowRef(model) !== undefined,
    on => show(view.element, on),
  );
  watchLayerRows(context, new WhenSeen(view.content), answer => {
    if (answer === undefined) {
      rows = [];
      return;
    }
    if (answer.kind === 'problem') {
      view.message(answer.problem, context.tone);
      return;
    }
    rows = answer.value;
    view.message(undefined);
    view.title(`Heads of layer ${rows[0]?.layer ?? 0}`);
    while (entries.length > rows.length) entries.pop()?.element.remove();
    rows.forEach((row, head) => {
      let entry = entries[head];
      if (entry === undefined) {
        entry = make(head);
        entries.push(entry);
        list.append(entry.element);
      }
      setText(entry.label, `H${row.head}`);
      setText(entry.value, compact(row.span));
      setText(entry.rest, `entropy ${nats(row.entropy)} nats, sink mass ${share(row.sink)}, span in tokens`);
      entry.surface.invalidate();
    });
    mark();
  });
  store.watch(({ state }) => state?.selection.head, mark);
  store.watch(
    model => {
      const { range } = rangeOf(model);
      return `${range.start} ${range.end}`;
    },
    () => {
      for (const entry of entries) entry.surface.invalidate();
    },
  );
  return view.element;
}
