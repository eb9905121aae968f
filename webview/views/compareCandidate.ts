/** One candidate of a comparison: its figures, its heads, the tokens it changes, and what to do with it. */

import { describeBytes } from '../../src/protocol/bytesText';
import type { CandidateSummary, ComparisonSummary } from '../../src/protocol/comparison';
import { MEASURES, nameOf, valueOf } from '../candidates';
import { HEAD_QUALITIES, type HeadQuality } from '../compareChoices';
import type { Context } from '../context';
import { h, setText, show } from '../dom';
import { extent } from '../draw/pool';
import { count, duration, nats, share } from '../format';
import type { HeadValues } from '../headValues';
import type { Drawing } from '../surface';
import { button, dropdown } from '../ui';
import { createCompareGrid } from './compareGrid';
import { createCompareTokens } from './compareTokens';
import { createFacts, type Fact } from './facts';

/** Shares so close together are written with a decimal. */
const CLOSE = 0.05;

export interface CompareCandidate {
  readonly element: HTMLElement;
  readonly drawing: Drawing;
  show(candidate: CandidateSummary, comparison: ComparisonSummary): void;
}

export function createCompareCandidate(context: Context): CompareCandidate {
  const { store } = context;
  let shown: { readonly candidate: CandidateSummary; readonly comparison: ComparisonSummary } | undefined;

  const title = h('h3');
  const facts = createFacts();
  const use = button({
    text: 'Use This Variant',
    help: 'Inspect the document with this variant, in the mode and layers that are set',
    act: () => {
      const { state } = store.model;
      if (shown === undefined || state === undefined) return;
      const { variant } = shown.candidate;
      context.attempt(() => context.host.setVariant(variant, state.schedule));
    },
  });
  const beside = button({
    text: 'Show Beside the Token',
    help: 'Show this variant’s row of the selected token below that of the run',
    act: () => {
      if (shown === undefined) return;
      store.choose({ second: shown.candidate.variant });
      document.querySelector('[data-view="row"] .second')?.scrollIntoView({ block: 'nearest' });
    },
  });
  const quality = dropdown('Of every head', 'What the grid of heads shows', value => {
    const heads = HEAD_QUALITIES.find(name => name === value);
    if (heads !== undefined) store.chooseCompare({ heads });
  });
  const grid = createCompareGrid(context, 'The candidate’s figures');
  const sampled = h('p', { class: 'muted small' });
  const tokens = createCompareTokens(context);
  const element = h(
    'div',
    { class: 'block candidate' },
    h('div', { class: 'bar' }, title, h('div', { class: 'actions' }, use, beside)),
    facts.element,
    h(
      'div',
      { class: 'pair' },
      h(
        'div',
        { class: 'block' },
        h(
          'div',
          { class: 'tools axes' },
          quality.element,
          h('span', { class: 'muted small' }, 'of every head'),
        ),
        grid.element,
        sampled,
      ),
      tokens.element,
    ),
  );

  function heads(candidate: CandidateSummary, comparison: ComparisonSummary, by: HeadQuality): HeadValues {
    const values = candidate[by];
    const [least, most] = extent(values) ?? [0, 1];
    const low = by === 'recall' ? Math.min(least, 0.99) : 0;
    const high = by === 'recall' ? 1 : most || 1;
    return {
      layers: comparison.layers,
      heads: comparison.heads,
      values,
      place: value => (value - low) / (high - low || 1),
      text: value => `${(value * 100).toFixed(high - low < CLOSE ? 1 : 0)}%`,
      legend: { low: share(low), high: share(high), help: MEASURES[by].help },
      columns: HEAD_QUALITIES.map(name => ({
        title: MEASURES[name].title,
        help: MEASURES[name].help,
        cell: at => share(candidate[name][at] ?? Number.NaN),
      })),
    };
  }

  function write(): void {
    const { heads: by } = store.model.choices.compare;
    quality.show(
      HEAD_QUALITIES.map(name => ({ value: name, text: MEASURES[name].title, help: MEASURES[name].help })),
      by,
    );
    if (shown !== undefined) grid.show(heads(shown.candidate, shown.comparison, by));
  }

  store.watch(
    ({ choices }) => choices.compare.heads,
    () => write(),
  );
  return {
    element,
    get drawing() {
      return grid.drawing;
    },
    show: (candidate, comparison) => {
      shown = { candidate, comparison };
      setText(title, nameOf(candidate));
      facts.show(figures(candidate, comparison));
      const { recallTokens } = candidate;
      setText(sampled, `Recall of ${count(recallTokens)} evenly spaced tokens a head.`);
      show(sampled, recallTokens < comparison.tokens);
      tokens.show(candidate);
      write();
    },
  };
}

/** `24.6 kB a layer`, or from the least to the most. */
function aLayer({ layerMemory }: CandidateSummary): string {
  const [least, most] = [Math.min(...layerMemory), Math.max(...layerMemory)].map(describeBytes);
  return `${least === most ? most : `${least} to ${most}`} a layer`;
}

function figures(candidate: CandidateSummary, comparison: ComparisonSummary): readonly Fact[] {
  const { live } = candidate;
  const of = (name: keyof typeof MEASURES): Fact => {
    const { title, help, exact } = MEASURES[name];
    return { label: title, value: exact(valueOf(candidate, name, comparison)), help };
  };
  const loss = live?.loss;
  return [
    of('recall'),
    of('error'),
    ...(typeof loss === 'number'
      ? [
          of('loss'),
          {
            label: 'Loss',
            value: nats(loss),
            detail: 'nats',
            help: 'Mean next-token loss with the variant in every layer, live',
          },
        ]
      : []),
    of('keys'),
    { ...of('memory'), help: `${MEASURES.memory.help}. Here ${aLayer(candidate)}` },
    of('seconds'),
    ...(live === undefined
      ? []
      : [
          {
            label: 'Live run',
            value: duration(live.seconds),
            help: 'Wall time of the whole model with the variant in every layer',
          },
        ]),
  ];
}
