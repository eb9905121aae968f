/** What an earlier inspection of almost the same text spares the next one. */

import type { Inspection, LayerState } from './inspection';
import { sameAttention } from './schedule';

/**
 * How many leading tokens keep all that was computed of them: those before the first changed one, if the
 * model, the device and every layer's attention are the same and no row depends on what follows it.
 */
export function keptTokens(next: Inspection, earlier: Inspection | undefined): number {
  // What is written out needs every token's last hidden state.
  if (earlier === undefined || next.subject.logits !== undefined || !isSameRun(next, earlier)) return 0;
  const ids = next.subject.source.table.ids;
  const before = earlier.subject.source.table.ids;
  let common = 0;
  while (common < ids.length && common < before.length && ids[common] === before[common]) common += 1;
  // The loss of the first changed token needs the hidden state of the one before it.
  return Math.max(0, Math.min(common - 1, ids.length - 1));
}

function isSameRun(next: Inspection, earlier: Inspection): boolean {
  const { subject } = next;
  const other = earlier.subject;
  const { decoder } = subject;
  return (
    other.stamp === subject.stamp &&
    other.device.name === subject.device.name &&
    other.schedule.mode === subject.schedule.mode &&
    earlier.layers.length === subject.layers.length &&
    subject.layers.every((layer, index) => {
      const kept = decoder.rotary(earlier.tokens, index);
      const now = decoder.rotary(next.tokens, index);
      return (
        sameAttention(layer, other.layers[index]!) &&
        [layer, subject.own[index]!].every(({ variant, choice }) => variant.isPrefixStable(choice.params)) &&
        kept.gain === now.gain &&
        kept.frequencies.every((frequency, pair) => frequency === now.frequencies[pair])
      );
    })
  );
}

/** Copies queries, keys, values and statistics of the first `count` tokens. */
export function copyLayer(to: LayerState, from: LayerState, count: number): void {
  for (const name of ['q', 'k', 'v'] as const) {
    const [heads, padded, width] = to.layer[name].shape as [number, number, number];
    const stride = from.layer[name].shape[1]!;
    const source = from.layer[name].data;
    for (let head = 0; head < heads; head++) {
      const at = head * stride * width;
      to.layer[name].data.set(source.subarray(at, at + count * width), head * padded * width);
    }
  }
  for (const name of Object.keys(to.stats) as (keyof LayerState['stats'])[]) {
    const { tokens } = to.layer;
    const before = from.layer.tokens;
    for (let head = 0; head * tokens < to.stats[name].length; head++) {
      const at = head * before;
      to.stats[name].set(from.stats[name].subarray(at, at + count), head * tokens);
    }
  }
}

/** Copies losses up to token `count`, and the predictions of the tokens before it. */
export function copyScores(to: Inspection, from: Inspection, count: number, predictions: number): void {
  to.losses.set(from.losses.subarray(0, count + 1));
  to.predictions.set(from.predictions.subarray(0, count * predictions));
  to.logProbabilities.set(from.logProbabilities.subarray(0, count * predictions));
}
