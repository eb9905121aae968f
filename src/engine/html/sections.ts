/** The sections of a report about one inspection. */

import {
  type AgainstDense,
  type Hurt,
  type InspectionSummary,
  type Overview,
  type Row,
  type RowKey,
  SPAN_MASS,
  STAT_NAMES,
  type StatName,
  type TokenStats,
} from '../../protocol/inspection';
import { headGrid, histogramBars, ribbon } from './drawings';
import { brief, fixed, percent, whole } from './numbers';
import { data, figures, section, table } from './parts';
import { closeUp, rowDrawing } from './row';
import { type Document, lineOf, snippet } from './text';
import { type Content, type Markup, tag } from './markup';

/** How many tokens a list of the greatest names. */
export const LISTED = 10;

export interface ReportContent extends Document {
  readonly name: string;
  readonly summary: InspectionSummary;
  readonly overview: Overview;
  readonly row: Row;
  /** Of the row's head. */
  readonly stats: TokenStats;
  /** `[N]` nats; NaN where there is none. */
  readonly losses: Float32Array;
  readonly hurts: readonly Hurt[];
}

const STATS: Readonly<
  Record<
    StatName,
    { readonly title: string; readonly show: (value: number) => string; readonly help: string }
  >
> = {
  entropy: { title: 'Entropy', show: fixed(2), help: 'nats; ln(n) where n keys share the weight evenly' },
  span: {
    title: 'Span',
    show: brief,
    help: `tokens; the smallest window back that holds ${100 * SPAN_MASS} % of the mass`,
  },
  sink: { title: 'Sink mass', show: percent, help: 'share of the mass on the first tokens of the document' },
  peak: { title: 'Strongest weight', show: fixed(3), help: 'the largest weight of the row' },
  recall: {
    title: 'Recall',
    show: percent,
    help: "share of dense attention's mass, on the same q and k, on keys that the variant weighs",
  },
  error: {
    title: 'Output error',
    show: percent,
    help: "how far the head's output is from that of dense attention on the same q, k and v",
  },
};

export function overviewSection({ overview, row }: ReportContent): Markup {
  const { layers, heads, stats } = overview;
  const names = STAT_NAMES.filter(name => stats[name].some(value => Number.isFinite(value)));
  return section(
    'Every head',
    tag(
      'p',
      { class: 'note' },
      'Means over the document; layers down, heads across. The outlined head is the one below.',
    ),
    ...names.map(name => [
      tag('h3', {}, `${STATS[name].title}: ${STATS[name].help}`),
      headGrid({
        label: `${STATS[name].title} of every head`,
        values: stats[name],
        layers,
        heads,
        selected: row,
        logarithmic: name === 'span',
        show: STATS[name].show,
      }),
    ]),
    tag(
      'details',
      {},
      tag('summary', {}, 'The same as a table'),
      table(
        [['Head'], ...names.map(name => [STATS[name].title, 'number'] as const)],
        Array.from({ length: layers * heads }, (_, index) => [
          `L${Math.floor(index / heads)} H${index % heads}`,
          ...names.map(name => data(stats[name][index]!, STATS[name].show)),
        ]),
      ),
    ),
  );
}

export function rowSection(content: ReportContent): Markup {
  const { row, summary } = content;
  const { layer, head, token, against } = row;
  const near = closeUp(row, summary.tokens);
  return section(
    `Token ${whole(token)} in layer ${layer}, head ${head}`,
    tag('p', { class: 'quote' }, snippet(content, token, 160)),
    tag('p', { class: 'note' }, `Line ${whole(lineOf(content, token))}.`),
    rowDrawing(row, summary.tokens),
    near === undefined
      ? undefined
      : [tag('h3', {}, 'Near the token, its strongest keys'), rowDrawing(row, summary.tokens, near)],
    tag(
      'p',
      { class: 'key' },
      tag('span', { class: 'mass' }, 'mass (√ scale)'),
      tag('span', { class: 'span' }, 'span'),
      tag('span', { class: 'sink' }, 'sink'),
    ),
    figures([
      ['Span, tokens', data(row.span, whole)],
      ['Entropy, nats', data(row.entropy, fixed(3))],
      ['Sink mass', data(row.sink, percent)],
      ['Strongest weight', data(row.peak, fixed(4))],
      ['Keys admitted', data(row.admitted, whole)],
      ['Mass listed', data(row.mass, percent)],
      ...(against === undefined ? [] : besideDense(against)),
    ]),
    row.distribution
      ? undefined
      : tag('p', { class: 'note' }, 'The row carries signs: shares are of |weight|.'),
    tag('h3', {}, 'Strongest keys'),
    keyTable(content, row.keys),
    against === undefined || against.missed.length === 0
      ? undefined
      : [
          tag('h3', {}, 'Strongest dense keys that the variant does not weigh'),
          keyTable(content, against.missed),
        ],
    tag('h3', {}, 'Mass by distance back, in tokens'),
    histogramBars(row.histogram, percent),
  );
}

function besideDense({ recall, error, span }: AgainstDense): readonly (readonly [string, Content])[] {
  return [
    ['Recall of dense mass', data(recall, percent)],
    ['Output error', data(error, percent)],
    ['Dense span', data(span, whole)],
  ];
}

function keyTable(content: ReportContent, keys: readonly RowKey[]): Markup {
  return table(
    [['Key'], ['Back', 'number'], ['Weight', 'number'], ['Text']],
    keys.map(({ index, weight }) => [
      data(index, whole),
      data(content.row.token - index, whole),
      data(weight, fixed(4)),
      snippet(content, index),
    ]),
  );
}

export function headSection({ row, stats, summary }: ReportContent): Markup {
  const known = stats.span.reduce((sum, value) => sum + (Number.isFinite(value) ? 1 : 0), 0);
  const shown = (['span', 'entropy', 'recall', 'error'] as const).filter(name =>
    stats[name].some(value => Number.isFinite(value)),
  );
  return section(
    `Every token in layer ${row.layer}, head ${row.head}`,
    known === summary.tokens
      ? undefined
      : tag('p', { class: 'note' }, `Known of ${whole(known)} of ${whole(summary.tokens)} tokens.`),
    ...shown.map(name => [
      tag('h3', {}, `${STATS[name].title}: ${STATS[name].help}`),
      ribbon({
        label: `${STATS[name].title} of every token`,
        values: stats[name],
        logarithmic: name === 'span',
        show: STATS[name].show,
        token: row.token,
      }),
    ]),
  );
}

export function hurtSection(content: ReportContent): Markup {
  return section(
    'Where the variant hurts most',
    tag(
      'p',
      { class: 'note' },
      'Tokens with the greatest output error, in the mean over the heads where it attends.',
    ),
    table(
      [
        ['Token'],
        ['Line', 'number'],
        ['Mean error', 'number'],
        ['Worst head'],
        ['Its error', 'number'],
        ['Text'],
      ],
      content.hurts.map(({ token, error, layer, head, worst }) => [
        data(token, whole),
        whole(lineOf(content, token)),
        data(error, percent),
        `L${layer} H${head}`,
        data(worst, percent),
        snippet(content, token, 20),
      ]),
    ),
  );
}

export function lossSection(content: ReportContent): Markup | undefined {
  const { losses, row } = content;
  const known = Array.from(losses.keys()).filter(token => Number.isFinite(losses[token]));
  if (known.length === 0) return undefined;
  const worst = known.toSorted((a, b) => losses[b]! - losses[a]! || a - b).slice(0, LISTED);
  return section(
    'Next-token loss',
    tag('p', { class: 'note' }, 'How surprised the model was by each token, in nats.'),
    ribbon({
      label: 'Loss of every token',
      values: losses,
      logarithmic: false,
      show: fixed(2),
      token: row.token,
    }),
    tag('h3', {}, 'Where it is greatest'),
    table(
      [['Token'], ['Line', 'number'], ['Loss, nats', 'number'], ['Text']],
      worst.map(token => [
        data(token, whole),
        whole(lineOf(content, token)),
        data(losses[token]!, fixed(3)),
        snippet(content, token),
      ]),
    ),
  );
}
