/** The candidates as dots: what they keep against what they cost. */

import type { ComparisonSummary } from '../../src/protocol/comparison';
import { chosenOf, MEASURES, nameOf, ownValue, valueOf } from '../candidates';
import { COSTS, QUALITIES } from '../compareChoices';
import type { Context } from '../context';
import { h, setAttribute } from '../dom';
import { clamp } from '../draw/axis';
import { type Dot, dotNear, dotPlace, DOTS_HEIGHT, type DotsData, drawDots } from '../draw/dots';
import { type Drawing, Surface } from '../surface';
import { dropdown } from '../ui';

export interface ComparePlot {
  readonly element: HTMLElement;
  readonly drawing: Drawing;
  show(comparison: ComparisonSummary): void;
}

/** @param choose told the name of a candidate. */
export function createComparePlot(context: Context, choose: (name: string) => void): ComparePlot {
  const { store, tip } = context;
  let comparison: ComparisonSummary | undefined;
  let dots: readonly Dot[] = [];
  let active: number | undefined;

  const chosen = (): number | undefined => {
    const candidate = comparison && chosenOf(comparison, store.model.choices.compare.candidate);
    const name = candidate && nameOf(candidate);
    const place = dots.findIndex(({ label }) => label === name);
    return place < 0 ? undefined : place;
  };

  function data(): DotsData {
    const { quality, cost } = store.model.choices.compare;
    const { [quality]: y, [cost]: x } = MEASURES;
    const own = comparison && {
      x: ownValue(cost, comparison),
      y: ownValue(quality, comparison),
      label: 'own',
    };
    return {
      dots,
      own: own !== undefined && Number.isFinite(own.x + own.y) ? own : undefined,
      x: { title: cost === 'keys' ? 'keys a query' : x.title.toLowerCase(), text: x.short },
      y: { title: quality === 'loss' ? 'change in loss, nats' : y.title.toLowerCase(), text: y.short },
      rising: y.greaterIsBetter,
      chosen: chosen(),
      active,
    };
  }

  const surface = new Surface(context.theme, (pen, size, palette) => drawDots(pen, size, data(), palette));
  surface.canvas.style.height = `${DOTS_HEIGHT}px`;
  const plot = h(
    'div',
    {
      class: 'plot dots',
      role: 'slider',
      tabindex: 0,
      'aria-label': 'Candidates by cost',
      'aria-valuemin': 0,
    },
    surface.canvas,
  );
  const quality = dropdown('Quality', 'What the plot holds against the cost', value => {
    const next = QUALITIES.find(name => name === value);
    if (next !== undefined) store.chooseCompare({ quality: next });
  });
  const cost = dropdown('Cost', 'What the candidates cost', value => {
    const next = COSTS.find(name => name === value);
    if (next !== undefined) store.chooseCompare({ cost: next });
  });
  const element = h(
    'div',
    { class: 'block' },
    h(
      'div',
      { class: 'tools axes' },
      quality.element,
      h('span', { class: 'muted small', 'aria-hidden': 'true' }, 'against'),
      cost.element,
    ),
    plot,
    h(
      'p',
      { class: 'key' },
      h(
        'span',
        { class: 'front', title: 'No other candidate is both cheaper and better' },
        'best for its cost',
      ),
      h('span', { class: 'beaten', title: 'Another candidate is cheaper and better' }, 'outdone'),
      h('span', { class: 'own', title: 'What the candidates are held against' }, 'own attention'),
    ),
  );

  function lines(dot: Dot): readonly string[] {
    const { quality: up, cost: across } = store.model.choices.compare;
    return [
      dot.label,
      `${MEASURES[up].title}: ${MEASURES[up].exact(dot.y)}`,
      `${MEASURES[across].title}: ${MEASURES[across].exact(dot.x)}`,
    ];
  }

  function refresh(): void {
    const { quality: up, cost: across } = store.model.choices.compare;
    const of = comparison;
    const options = (names: readonly (keyof typeof MEASURES)[]) =>
      names.map(name => ({ value: name, text: MEASURES[name].title, help: MEASURES[name].help }));
    const known = QUALITIES.filter(
      name => name !== 'loss' || of?.candidates.some(({ live }) => live?.loss !== undefined),
    );
    quality.show(options(known), up);
    cost.show(options(COSTS), across);
    dots =
      of?.candidates
        .map(candidate => ({
          x: valueOf(candidate, across, of),
          y: valueOf(candidate, up, of),
          label: nameOf(candidate),
        }))
        .filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))
        .sort((a, b) => a.x - b.x) ?? [];
    say();
  }

  function say(): void {
    const at = active ?? chosen() ?? 0;
    const dot = dots[at];
    setAttribute(plot, 'aria-valuemax', Math.max(0, dots.length - 1));
    setAttribute(plot, 'aria-valuenow', at);
    setAttribute(plot, 'aria-valuetext', dot === undefined ? 'No candidate' : lines(dot).join(', '));
    surface.invalidate();
  }

  function activate(next: number | undefined): void {
    active = next;
    say();
  }

  plot.addEventListener('pointermove', event => {
    activate(dotNear(data(), surface.size, event.offsetX, event.offsetY));
    const dot = active === undefined ? undefined : dots[active];
    if (dot === undefined) tip.hide();
    else tip.show(event.clientX, event.clientY, lines(dot));
  });
  plot.addEventListener('pointerleave', () => {
    tip.hide();
    activate(undefined);
  });
  plot.addEventListener('click', event => {
    const place = dotNear(data(), surface.size, event.offsetX, event.offsetY);
    const dot = place === undefined ? undefined : dots[place];
    if (dot !== undefined) choose(dot.label);
  });
  plot.addEventListener('blur', () => {
    tip.hide();
    activate(undefined);
  });
  plot.addEventListener('keydown', event => {
    const last = dots.length - 1;
    const at = active ?? chosen() ?? 0;
    const next = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      Home: 0,
      End: last,
    }[event.key];
    const dot = dots[at];
    if (next !== undefined && last >= 0) {
      activate(clamp(next, 0, last));
      const shown = dots[active ?? 0]!;
      const box = surface.canvas.getBoundingClientRect();
      const { x, y } = dotPlace(data(), surface.size, shown);
      tip.show(box.left + x, box.top + y, lines(shown));
    } else if ((event.key === 'Enter' || event.key === ' ') && dot !== undefined) choose(dot.label);
    else if (event.key === 'Escape') {
      tip.hide();
      activate(undefined);
    } else return;
    event.preventDefault();
  });
  store.watch(
    ({ choices }) => choices.compare,
    () => refresh(),
  );
  return {
    element,
    get drawing() {
      return surface.drawing;
    },
    show: next => {
      comparison = next;
      active = undefined;
      refresh();
    },
  };
}
