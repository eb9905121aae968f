/** The figures of a row, as labels and as a sentence. */

import type { AgainstDense, Row, TokenDetail } from '../../src/protocol/inspection';
import { SINK_TOKENS, SPAN_MASS } from '../../src/protocol/inspection';
import { count, nats, plural, share, tokenText, weight } from '../format';
import type { Fact } from './facts';

/** The row's statistics. */
export function figures(row: Row, strongest: string | undefined): readonly Fact[] {
  const signed = row.distribution ? '' : ' Shares of |weight|, because this row carries signs.';
  return [
    {
      label: 'Span',
      value: count(row.span),
      detail: row.span === 1 ? 'token' : 'tokens',
      help: `The smallest window back from the token that holds ${SPAN_MASS * 100} % of its attention mass`,
    },
    {
      label: 'Entropy, nats',
      value: nats(row.entropy),
      detail: `≈ ${plural(Math.round(Math.exp(row.entropy)), 'key')}`,
      help: `Entropy of the row in nats, and the number of evenly weighted keys that would have it.${signed}`,
    },
    {
      label: 'Sink mass',
      value: share(row.sink),
      detail: `on first ${SINK_TOKENS}`,
      help: 'Share of the attention mass on the first tokens of the document, the attention sink',
    },
    {
      label: 'Strongest',
      value: weight(row.peak),
      detail: strongest === undefined ? '' : `on ‘${strongest}’`,
      help: 'The strongest attention weight of the row, and the key that has it',
    },
    {
      label: 'Top-key mass',
      value: share(row.mass),
      detail: `on ${plural(row.keys.length, 'key')}`,
      help: 'Share of the attention mass that the top keys hold',
    },
    {
      label: 'Admitted',
      value: count(row.admitted),
      detail: row.admitted === 1 ? 'key' : 'keys',
      help: 'How many keys the variant let this token see',
    },
    ...(row.against === undefined ? [] : besideDense(row.against)),
  ];
}

function besideDense({ recall, error, span }: AgainstDense): readonly Fact[] {
  return [
    {
      label: 'Recall',
      value: share(recall),
      detail: 'of dense',
      help: 'Share of the attention mass of the dense row, on the same q and k, that lies on keys of this row',
    },
    {
      label: 'Output error',
      value: share(error),
      detail: 'off dense',
      help: "How far the head's output is from the dense one on the same q, k and v, as a share of its length",
    },
    {
      label: 'Dense span',
      value: count(span),
      detail: span === 1 ? 'token' : 'tokens',
      help: `The smallest window back that holds ${SPAN_MASS * 100} % of the dense row's mass`,
    },
  ];
}

/** What the token's loss means, and what the model expected in its place. */
export function expected(detail: TokenDetail | undefined, token: number): string {
  const meaning = 'How surprised the model was by this token: -log of its probability, in nats.';
  if (detail?.token !== token || detail.predictions.length === 0) return meaning;
  const best = detail.predictions
    .slice(0, 3)
    .map(({ text, logProbability }) => `${tokenText(text)} ${share(Math.exp(logProbability))}`);
  return `${meaning} It expected: ${best.join(', ')}.`;
}

/** The selection in a sentence. */
export function spoken(of: Row, text: (token: number) => string | undefined): string {
  const name = text(of.token) ?? '';
  const first = of.keys[0];
  const best =
    first === undefined ? '' : `, strongest key '${text(first.index) ?? ''}' ${weight(first.weight)}`;
  return `Layer ${of.layer} head ${of.head}, token ${of.token} '${name}': span ${plural(of.span, 'token')}, entropy ${nats(of.entropy)} nats${best}`;
}
