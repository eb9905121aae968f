/** One layer's attention over a whole document: the variant's, and in a shadow run the layer's own beside it. */

import { ROW_STAT_NAMES } from '../protocol/inspection';
import { outputErrors, recallOf } from './analysis/against';
import { describeRow } from './analysis/row';
import type { LayerState } from './layerState';
import { isWithin } from './schedule';
import type { Attended, Block, BlockStats, Layer, Mixer } from './variants/primitives/mixer';

/** Queries of a block, at most. */
export const BLOCK = 256;
/** Attention scores in memory at once: a block's queries times its keys times the heads. */
const MOST_SCORES = 2 ** 22;
/** Keys of all the rows that stand for a mixer that forms none, and how many rows those are. */
const SAMPLED_KEYS = 2 ** 22;
const FEWEST_SAMPLES = 16;
const MOST_SAMPLES = 128;

interface AttendOptions {
  readonly mixer: Mixer;
  /** The layer's own attention, which drives the model in a shadow run; undefined in a live one. */
  readonly own: Mixer | undefined;
  /** The first token to attend. */
  readonly from: number;
}

/** What of a document's attention goes on into the model: `y [H, B, E]` of a block. */
export type Consumer = (block: Block, y: Float32Array) => Promise<void>;

/**
 * Attends block by block, keeps the statistics of every token, and hands the outputs that drive the model to
 * `consume`.
 */
export function attendLayer(state: LayerState, options: AttendOptions, consume: Consumer): Promise<void> {
  return holding(state.layer, () => attendBlocks(state, options, consume));
}

/** Runs `work` while the device may keep the layer's keys and values. */
async function holding<T>({ executor, k, v, globals }: Layer, work: () => Promise<T>): Promise<T> {
  const held = executor.hold(k, v, ...(globals === undefined ? [] : [globals.k, globals.v]));
  try {
    return await work();
  } finally {
    held.release();
  }
}

async function attendBlocks(
  state: LayerState,
  { mixer, own, from }: AttendOptions,
  consume: Consumer,
): Promise<void> {
  const { tokens, q, v } = state.layer;
  const heads = q.shape[0]!;
  const width = v.shape[2]!;
  const told = isWithin(state.attention, state.own) ? blockRecalls : () => undefined;
  for (let start = from; start < tokens;) {
    const mixers = own === undefined ? [mixer] : [mixer, own];
    const block = { start, end: Math.min(tokens, start + blockLength(mixers, start, tokens, heads)) };
    const attended = await mixer.attend(block);
    keepStats(state, block, attended.stats);
    const driving: Attended = own === undefined || own === mixer ? attended : await own.attend(block);
    if (own !== undefined) {
      keep(state.stats.error, outputErrors(attended.y, driving.y, width), block, tokens);
      const recalls =
        own === mixer ? new Float32Array(heads * (block.end - start)).fill(1) : told(attended, driving);
      if (recalls !== undefined) keep(state.stats.recall, recalls, block, tokens);
    }
    await consume(block, driving.y);
    start = block.end;
  }
}

/**
 * The share of the own rows' mass on the variant's keys, `[H, B]`, from the sums of a block's softmaxes.
 * Only of a variant that weighs no key but those of the own attention (`isWithin`).
 *
 * @returns undefined where the blocks do not tell: ask for rows then.
 */
export function blockRecalls({ stats }: Attended, { stats: ownStats }: Attended): Float32Array | undefined {
  const sums = stats?.logSum;
  const ownSums = ownStats?.logSum;
  if (sums === undefined || ownSums === undefined) return undefined;
  return sums.map((sum, row) => Math.min(1, Math.exp(sum - ownSums[row]!)));
}

/** What had to be taken from rows of some tokens. */
export interface Sampled {
  /** Tokens a head. */
  readonly tokens: number;
  readonly what: 'statistics' | 'recall';
}

/**
 * The statistics of evenly spaced tokens, for a mixer that forms no rows while it attends, and their recall
 * where blocks do not tell it.
 *
 * @param pause is awaited between rows, and may throw.
 * @returns undefined where the statistics are complete.
 */
export async function sampleStats(
  state: LayerState,
  { mixer, own }: Omit<AttendOptions, 'from'>,
  pause: () => Promise<void>,
): Promise<Sampled | undefined> {
  const { layer, attention, stats } = state;
  const { tokens, index } = layer;
  const lacksStats = Number.isNaN(stats.entropy.at(-1)!);
  const lacksRecall = own !== undefined && Number.isNaN(stats.recall.at(-1)!);
  if (!lacksStats && !lacksRecall) return undefined;
  // Samples taken over from an earlier inspection lie elsewhere: the means would be of a mixture.
  if (lacksStats) for (const name of ROW_STAT_NAMES) stats[name].fill(NaN);
  if (lacksRecall) stats.recall.fill(NaN);
  const wanted = Math.min(
    MOST_SAMPLES,
    Math.max(FEWEST_SAMPLES, Math.floor(SAMPLED_KEYS / tokens / (mixer.rowCost ?? 1))),
  );
  const sampled = spacedTokens(tokens, wanted);
  const { distribution } = attention.variant;
  await holding(layer, async () => {
    for (let head = 0; head < layer.q.shape[0]!; head++) {
      for (const token of sampled) {
        const row = await mixer.row(head, token);
        if (lacksStats) {
          const options = { layer: index, head, token, tokens, top: 0, profile: 0, distribution };
          const described = describeRow(row, options);
          for (const name of ROW_STAT_NAMES) stats[name][head * tokens + token] = described[name];
        }
        if (lacksRecall) {
          const dense = await own.row(head, token);
          stats.recall[head * tokens + token] = recallOf(row, dense, mixer.memory ?? 0);
        }
        await pause();
      }
    }
  });
  return { tokens: sampled.length, what: lacksStats ? 'statistics' : 'recall' };
}

/** At most `most` tokens, evenly spaced; the last is always among them. */
export function spacedTokens(tokens: number, most: number): readonly number[] {
  const count = Math.min(most, tokens);
  return Array.from({ length: count }, (_, at) => Math.floor(((at + 1) * tokens) / count) - 1);
}

function keepStats({ stats, layer }: LayerState, block: Block, found: BlockStats | undefined): void {
  if (found === undefined) return;
  for (const name of ROW_STAT_NAMES) keep(stats[name], found[name], block, layer.tokens);
}

/** Writes `[H, B]` into its place in `[H, N]`. */
function keep(all: Float32Array, part: Float32Array, { start, end }: Block, tokens: number): void {
  const length = end - start;
  for (let head = 0; head * length < part.length; head++) {
    all.set(part.subarray(head * length, (head + 1) * length), head * tokens + start);
  }
}

/** As many queries as keep the block's scores within bounds, from 16 to `BLOCK`. */
export function blockLength(mixers: readonly Mixer[], start: number, tokens: number, heads: number): number {
  const last = Math.min(tokens, start + BLOCK);
  const lengths = mixers.map(mixer => {
    if (mixer.blockLength !== undefined) return mixer.blockLength(start, BLOCK);
    const keys = mixer.cost({ start, end: last }) / (last - start);
    let length = BLOCK;
    while (length > 16 && length * keys * heads > MOST_SCORES) length /= 2;
    return length;
  });
  return Math.min(...lengths);
}
