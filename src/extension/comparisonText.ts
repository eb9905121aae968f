/** Variants against the model's own attention, as a Markdown table that reads well as plain text too. */

import { describeBytes } from '../protocol/bytesText';
import type { CandidateResult, Comparison } from '../protocol/comparison';
import { codeCell, count, figure, percent, plain, shorten } from './markdown';
import { describeChoice } from '../protocol/choiceText';

export interface ComparisonContent {
  /** Of the document. */
  readonly name: string;
  readonly model: string;
  readonly comparison: Comparison;
  readonly textOf: (token: number) => string;
}

/** How many tokens that a variant hurts are listed. */
const HURT = 8;

export function comparisonText({ name, model, comparison, textOf }: ComparisonContent): string {
  const { tokens, loss, memory, candidates, layers, heads } = comparison;
  const known = candidates.filter(({ problem }) => problem === undefined);
  const baseline =
    loss === undefined
      ? 'The model has no next-token loss.'
      : `Its own loss is ${figure(loss, 3)} nats a token.`;
  const byLayer = (cell: (candidate: CandidateResult, layer: number) => string): string => {
    const places = Array.from({ length: layers }, (_, layer) => layer);
    return table(
      ['variant', ...places.map(layer => `layer ${layer}`)],
      known.map(candidate => [
        plain(describeChoice(candidate.variant)),
        ...places.map(layer => cell(candidate, layer)),
      ]),
    );
  };
  return [
    `# Variants on ${plain(name)}`,
    `${plain(model)}, ${count(tokens)} tokens, ${layers} layers of ${heads} heads. ${baseline} Recall: share of the model's own attention mass on keys that the variant weighs. Error: of a head's output, as a share of its length. Keys: how many a query is computed with. Memory: what decoding keeps at the end of the document, as float32, over all layers; ${describeBytes(memory)} with the model's own attention. All on the model's own queries, keys and values; the change in loss is of the model with the variant in every layer.`,
    table(
      ['variant', 'recall', 'error', 'keys', 'memory', 'loss', 'change', 'seconds'],
      candidates.map(candidate => summaryRow(candidate, loss)),
    ),
    ...candidates
      .filter(({ problem }) => problem !== undefined)
      .map(({ variant, problem }) => `${plain(describeChoice(variant))}: ${plain(problem ?? '')}`),
    '## Recall, a layer',
    byLayer(({ recall }, layer) => percent(mean(recall.subarray(layer * heads, (layer + 1) * heads)))),
    '## Memory, a layer',
    byLayer(({ layerMemory }, layer) => describeBytes(layerMemory[layer] ?? NaN)),
    '## Where each hurts most',
    'The tokens with the greatest rise in loss, or the greatest output error where there is none.',
    table(
      ['variant', 'tokens'],
      known.map(candidate => [plain(describeChoice(candidate.variant)), hurtTokens(candidate, textOf)]),
    ),
    '',
  ].join('\n\n');
}

function summaryRow(candidate: CandidateResult, baseline: number | undefined): readonly string[] {
  const { variant, problem, recall, error, keys, memory, live, seconds } = candidate;
  const name = plain(describeChoice(variant));
  if (problem !== undefined) return [name, '–', '–', '–', '–', '–', '–', '–'];
  const change = live?.loss === undefined || baseline === undefined ? undefined : live.loss - baseline;
  return [
    name,
    percent(mean(recall)),
    percent(mean(error)),
    figure(keys, 0),
    describeBytes(memory),
    live?.loss === undefined ? '–' : figure(live.loss, 3),
    change === undefined ? '–' : `${change >= 0 ? '+' : ''}${figure(change, 3)}`,
    figure(seconds, 1),
  ];
}

function hurtTokens({ hurt }: CandidateResult, textOf: (token: number) => string): string {
  const worst = hurt.slice(0, HURT);
  return (
    worst.map(({ token }) => `${codeCell(shorten(textOf(token), 20))} ${count(token)}`).join(', ') || '–'
  );
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = titles.map((_, column) => (column === 0 ? ':--' : '--:'));
  return [line(titles), line(rule), ...rows.map(line)].join('\n');
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
