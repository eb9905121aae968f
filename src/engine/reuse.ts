/** What an earlier inspection of almost the same text spares the next one. */

import { STAT_NAMES } from '../protocol/inspection';
import type { Inspection } from './inspection';
import type { LayerState } from './layerState';
import type { FloatTensor } from './onnx/tensor';
import { sameAttention } from './schedule';
import type { Layer } from './variants/primitives/mixer';
import { keptHeads } from './variants/primitives/sharedHeads';

/**
 * How many leading tokens keep all that was computed of them: those before the first changed one, if the
 * model, the device, its precision and every layer's attention are the same and no row depends on what follows it.
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
  if (decoder === undefined) return false;
  return (
    other.stamp === subject.stamp &&
    other.device.name === subject.device.name &&
    other.device.precision === subject.device.precision &&
    other.weights === subject.weights &&
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

/** Copies queries, keys and values of the first `count` tokens. */
export function copyHeads(to: Layer, from: Layer, count: number): void {
  for (const name of ['q', 'k', 'v'] as const) copyTokens(keptHeads(to[name]), keptHeads(from[name]), count);
}

/** Copies the first `count` tokens of `[H, N, D]` or `[H, N]`. */
export function copyTokens(to: FloatTensor, from: FloatTensor, count: number): void {
  const [heads, padded, width = 1] = to.shape as [number, number, number?];
  const stride = from.shape[1]!;
  const source = from.data;
  for (let head = 0; head < heads; head++) {
    const at = head * stride * width;
    to.data.set(source.subarray(at, at + count * width), head * padded * width);
  }
}

/** Copies the statistics of the first `count` tokens. */
export function copyStats(to: LayerState, from: LayerState, count: number): void {
  for (const name of STAT_NAMES) {
    for (let head = 0; head < to.layer.q.shape[0]!; head++) {
      const at = head * from.layer.tokens;
      to.stats[name].set(from.stats[name].subarray(at, at + count), head * to.layer.tokens);
    }
  }
}

/** Copies losses up to token `count`, and the predictions of the tokens before it. */
export function copyScores(to: Inspection, from: Inspection, count: number, predictions: number): void {
  to.losses.set(from.losses.subarray(0, count + 1));
  to.predictions.set(from.predictions.subarray(0, count * predictions));
  to.logProbabilities.set(from.logProbabilities.subarray(0, count * predictions));
}
