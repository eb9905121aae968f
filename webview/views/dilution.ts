/** Whether the selected head's attention thins out as its context grows. */

import type { DilutionBin } from '../../src/protocol/dilution';
import type { Context } from '../context';
import { h, setAttribute, setText, show } from '../dom';
import { clamp } from '../draw/axis';
import { binNear, DILUTION_HEIGHT, type DilutionData, drawDilution } from '../draw/dilution';
import { ofUniform } from '../draw/dilutionBins';
import { binsTable, contextText, details, keysText, spread, summary } from '../dilutionText';
import { exportMenu } from '../exports/menu';
import { count, nats, plural, share, weight } from '../format';
import { allTokens, watchHead } from '../headStats';
import { section, tableToggle } from '../section';
import { Surface } from '../surface';
import { WhenSeen } from '../whenSeen';

export function createDilution(context: Context): HTMLElement {
  const { store, theme, tip } = context;
  const view = section(
    'dilution',
    'Dilution',
    'Whether the head’s attention thins out as its context grows: medians of its tokens by context length, and bands that hold the middle 80 % of them',
  );
  let bins: readonly DilutionBin[] = [];
  let active: number | undefined;

  const data = (): DilutionData => ({
    bins,
    total: store.range.total,
    bidirectional: bidirectional(),
    token: store.selection?.token ?? undefined,
    active,
  });
  const surface = new Surface(theme, (pen, size, palette) => {
    if (bins.length > 0) drawDilution(pen, size, data(), palette);
  });
  surface.canvas.style.height = `${DILUTION_HEIGHT}px`;
  const sentence = h('p', { class: 'says' });
  const plot = h('div', { class: 'plot', role: 'slider', tabindex: 0, 'aria-valuemin': 0 }, surface.canvas);
  const body = h('tbody');
  const column = (text: string, help: string): HTMLElement =>
    h('th', { scope: 'col', class: 'number', title: help }, text);
  const table = h(
    'div',
    { class: 'scroll', hidden: true, tabindex: 0, role: 'region', 'aria-label': 'Dilution as a table' },
    h(
      'table',
      {},
      h('caption', { class: 'unseen' }, 'Medians of the head’s tokens by context length'),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h(
            'th',
            { scope: 'col', title: 'Keys that a token can see: its position and all before it' },
            'Context',
          ),
          column('Entropy', 'Median entropy of the rows, in nats'),
          column('Keys', 'Evenly weighted keys that would have that entropy'),
          column('Of uniform', 'Those keys as a share of all that the token can see'),
          column('Strongest', 'Median of the strongest weight'),
          column('Sink', 'Median mass on the first tokens of the document'),
        ),
      ),
      body,
    ),
  );
  view.tools.append(
    exportMenu(context, 'the dilution', () => {
      if (bins.length === 0) return undefined;
      const { layer = 0, head = 0 } = store.selection ?? {};
      const tables = [binsTable(bins, all()), allTokens(context)];
      return { title: `Dilution of layer ${layer}, head ${head}`, drawing: surface.drawing, tables };
    }),
    tableToggle(store, 'dilution', 'the dilution'),
  );
  view.body.append(sentence, plot, table);

  function bidirectional(): boolean {
    const { inspection, selection } = store.model.state ?? {};
    return inspection?.layerVariants[selection?.layer ?? 0]?.params['causal'] === false;
  }

  const all = (): number | undefined => (bidirectional() ? store.range.total : undefined);

  function say(): void {
    const last = bins.length - 1;
    const at = Math.min(active ?? last, last);
    const bin = bins[at];
    if (bin === undefined) return;
    setAttribute(plot, 'aria-valuemax', last);
    setAttribute(plot, 'aria-valuenow', at);
    setAttribute(
      plot,
      'aria-valuetext',
      `${spread(bin, all())}, strongest weight ${weight(bin.peak.middle)}, sink mass ${share(bin.sink.middle)}`,
    );
    surface.invalidate();
  }

  function fill(): void {
    body.replaceChildren(
      ...bins.map(bin =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, contextText(bin)),
          ...[
            nats(bin.entropy.middle),
            keysText(bin.entropy.middle),
            share(ofUniform(bin, all())),
            weight(bin.peak.middle),
            share(bin.sink.middle),
          ].map(text => h('td', { class: 'number' }, text)),
        ),
      ),
    );
  }

  store.watch(
    ({ state }) => state?.inspection !== undefined,
    on => show(view.element, on),
  );
  watchHead(
    context,
    new WhenSeen(view.content),
    head => context.host.dilution(head),
    answer => {
      bins = [];
      active = undefined;
      if (answer === undefined) {
        view.message('Looking…');
        return;
      }
      if (answer.kind === 'problem') {
        view.message(answer.problem, context.tone);
        return;
      }
      bins = answer.value;
      const running = store.model.state?.running !== undefined;
      view.message(
        bins.length > 0
          ? undefined
          : running
            ? 'The layer is not computed yet.'
            : 'The variant of this layer has no statistics of its tokens; choose another layer or variant.',
      );
      if (bins.length === 0) return;
      const { layer = 0, head = 0 } = store.selection ?? {};
      setAttribute(plot, 'aria-label', `Spread by context length, layer ${layer} head ${head}`);
      const known = bins.reduce((sum, bin) => sum + bin.tokens, 0);
      const { total } = store.range;
      const sampled = known === total ? '' : ` From ${count(known)} of ${plural(total, 'token')}.`;
      setText(sentence, `${summary(bins, all())}${sampled}`);
      fill();
      say();
    },
  );
  store.watch(
    ({ state }) => state?.selection.token,
    () => surface.invalidate(),
  );
  store.watch(
    model => model.choices.tables.includes('dilution'),
    on => {
      show(plot, !on);
      show(table, on);
      surface.invalidate();
    },
  );

  function activate(next: number | undefined): void {
    active = next;
    say();
  }

  plot.addEventListener('pointermove', event => {
    activate(binNear(data(), plot.clientWidth, event.offsetX));
    const bin = active === undefined ? undefined : bins[active];
    if (bin === undefined) tip.hide();
    else tip.show(event.clientX, event.clientY, details(bin, all()));
  });
  plot.addEventListener('pointerleave', () => {
    tip.hide();
    activate(undefined);
  });
  plot.addEventListener('blur', () => {
    tip.hide();
    activate(undefined);
  });
  plot.addEventListener('keydown', event => {
    const last = bins.length - 1;
    const at = active ?? last;
    const next = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      PageDown: at - 8,
      PageUp: at + 8,
      Home: 0,
      End: last,
    }[event.key];
    if (event.key === 'Escape') {
      tip.hide();
      activate(undefined);
    } else if (next !== undefined && last >= 0) activate(clamp(next, 0, last));
    else return;
    event.preventDefault();
  });
  return view.element;
}
