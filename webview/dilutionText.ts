/** What the dilution of a head comes to, in words and as a table. */

import { type Band, BAND, type DilutionBin } from '../src/protocol/dilution';
import { effectiveKeys, ofUniform } from './draw/dilutionBins';
import type { Table } from './exports/table';
import { count, figure, nats, plural, share, weight } from './format';

/** `5`, `16–18`: the context lengths of a bin. */
export function contextText({ from, to }: DilutionBin): string {
  return to - from <= 1 ? count(from) : `${count(from)}–${count(to - 1)}`;
}

export function keysText(entropy: number): string {
  const keys = effectiveKeys(entropy);
  return keys < 10 ? figure(Number(keys.toPrecision(2))) : count(Number(keys.toPrecision(3)));
}

/**
 * Such as `At 19,484–20,000 tokens of context the head spreads over about 310 keys, 1.6 % of uniform`.
 *
 * @param all how many keys every token sees in a bidirectional layer; undefined in a causal one.
 */
export function spread(bin: DilutionBin, all: number | undefined): string {
  const where =
    all === undefined
      ? `At ${contextText(bin)} tokens of context the head spreads`
      : `As the tokens ${contextText(bin)} of the document, which all see ${count(all)} keys, the head spreads`;
  return `${where} over about ${keysText(bin.entropy.middle)} keys, ${share(ofUniform(bin, all))} of uniform`;
}

/** The longest contexts, and beside them those a tenth as long. */
export function summary(bins: readonly DilutionBin[], all: number | undefined): string {
  const last = bins.at(-1);
  if (last === undefined) return '';
  const tenth = all === undefined ? bins.findLast(bin => bin.to <= last.to / 10) : undefined;
  if (tenth === undefined) return `${spread(last, all)}.`;
  const before = `${keysText(tenth.entropy.middle)} (${share(ofUniform(tenth, all))})`;
  return `${spread(last, all)}; at a tenth of that, over about ${before}.`;
}

/** One line a figure, for a hover. */
export function details(bin: DilutionBin, all: number | undefined): readonly string[] {
  const band = ({ low, high }: Band, text: (value: number) => string): string => `${text(low)}–${text(high)}`;
  return [
    `${contextText(bin)} tokens of context`,
    `≈ ${keysText(bin.entropy.middle)} keys, ${share(ofUniform(bin, all))} of uniform`,
    `Entropy ${nats(bin.entropy.middle)} nats (${band(bin.entropy, nats)})`,
    `Strongest weight ${weight(bin.peak.middle)} (${band(bin.peak, weight)})`,
    `Sink mass ${share(bin.sink.middle)} (${band(bin.sink, share)})`,
    `Median of ${plural(bin.tokens, 'token')}`,
  ];
}

const PARTS = [
  ['low', `${BAND[0] * 100} %`],
  ['middle', 'median'],
  ['high', `${BAND[1] * 100} %`],
] as const;

export function binsTable(bins: readonly DilutionBin[], all: number | undefined): Table {
  const columns = (['entropy', 'peak', 'sink'] as const).flatMap(name =>
    PARTS.map(([part, title]) => [`${name} ${title}`, bins.map(bin => bin[name][part])] as const),
  );
  return {
    name: 'medians',
    columns: {
      'context from': bins.map(bin => bin.from),
      'context to': bins.map(bin => bin.to - 1),
      tokens: bins.map(bin => bin.tokens),
      ...Object.fromEntries(columns),
      'effective keys': bins.map(bin => effectiveKeys(bin.entropy.middle)),
      'share of uniform': bins.map(bin => ofUniform(bin, all)),
    },
  };
}
