/** How the row's mass lies by distance, drawn or as a table. */

import type { DistanceHistogram, Row } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setAttribute, show } from '../dom';
import { BARS_HEIGHT, binAt, binText, drawBars } from '../draw/bars';
import { share } from '../format';
import { type Drawing, Surface } from '../surface';

export interface Distances {
  readonly element: HTMLElement;
  readonly drawing: Drawing;
  show(row: Row): void;
}

/** Cut after the last distance the token can reach. */
function reachable({ histogram, token }: Row): DistanceHistogram {
  let bins = histogram.mass.length;
  while (bins > 1 && histogram.edges[bins - 1]! > token && histogram.mass[bins - 1] === 0) bins -= 1;
  return { edges: histogram.edges.slice(0, bins + 1), mass: histogram.mass.slice(0, bins) };
}

export function createDistances(context: Context): Distances {
  const { store, theme, tip } = context;
  let histogram: DistanceHistogram | undefined;
  let active: number | undefined;
  const surface = new Surface(
    theme,
    (pen, size, palette) => {
      if (histogram !== undefined) drawBars(pen, size, histogram, active, palette);
    },
    'Attention mass by distance back from the token',
  );
  surface.canvas.style.height = `${BARS_HEIGHT}px`;
  const body = h('tbody');
  const table = h(
    'table',
    { hidden: true },
    h('caption', { class: 'unseen' }, 'Attention mass by distance back from the token'),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h('th', { scope: 'col' }, 'Tokens back'),
        h('th', { scope: 'col', class: 'number' }, 'Mass'),
      ),
    ),
    body,
  );
  const element = h(
    'div',
    { class: 'block' },
    h(
      'h3',
      { title: 'Share of the row’s attention mass by distance back, in doubling steps' },
      'Mass by distance back, in tokens',
    ),
    surface.canvas,
    table,
  );

  const hover = (bin: number | undefined): void => {
    if (bin === active) return;
    active = bin;
    surface.invalidate();
  };
  surface.canvas.addEventListener('pointermove', event => {
    const bin = histogram === undefined ? undefined : binAt(histogram, surface.size.width, event.offsetX);
    hover(bin);
    if (bin === undefined || histogram === undefined) tip.hide();
    else {
      tip.show(event.clientX, event.clientY, [
        share(histogram.mass[bin] ?? Number.NaN),
        `${binText(histogram, bin)} tokens back`,
      ]);
    }
  });
  surface.canvas.addEventListener('pointerleave', () => {
    hover(undefined);
    tip.hide();
  });
  store.watch(
    model => model.choices.tables.includes('row'),
    on => {
      show(table, on);
      show(surface.canvas, !on);
    },
  );

  return {
    element,
    get drawing() {
      return surface.drawing;
    },
    show: row => {
      const cut = reachable(row);
      histogram = cut;
      surface.invalidate();
      const heaviest = cut.mass.reduce((best, mass, bin) => (mass > cut.mass[best]! ? bin : best), 0);
      setAttribute(
        surface.canvas,
        'aria-label',
        `Attention mass by distance: most, ${share(cut.mass[heaviest] ?? Number.NaN)}, lies ${binText(cut, heaviest)} tokens back`,
      );
      body.replaceChildren(
        ...Array.from(cut.mass, (mass, bin) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, binText(cut, bin)),
            h('td', { class: 'number' }, share(mass)),
          ),
        ),
      );
    },
  };
}
