/** What a comparison sums up, block by block, of each candidate and of the model's own attention. */

import type { CandidateResult, Comparison } from '../../protocol/comparison';
import type { VariantChoice } from '../../protocol/inspection';
import { sentence } from '../../protocol/problem';
import { outputErrors } from '../analysis/against';
import { blockRecalls } from '../attention';
import { changedTokens } from './changedTokens';
import type { LayerState } from '../layerState';
import { attention, facing, isWithin, type LayerAttention } from '../schedule';
import { keptBy } from '../variants/primitives/kept';
import type { Attended, Block, Mixer } from '../variants/primitives/mixer';

/** What is summed up of one candidate. */
export interface Tally {
  readonly choice: VariantChoice;
  readonly attention: LayerAttention | undefined;
  /** Whether blocks may tell it: it weighs no key that the own attention does not, in any layer. */
  readonly tellsRecall: boolean;
  problem: string | undefined;
  /** `[L * H]` means over `recallTokens`. */
  readonly recall: Float64Array;
  /** Sums over tokens, and over layers and heads. */
  readonly error: Float64Array;
  readonly tokenError: Float64Array;
  recallTokens: number;
  /** (query, key) pairs of a head, over all layers. */
  pairs: number;
  /** `[L]` bytes. */
  readonly memory: Float64Array;
  seconds: number;
}

/** What is summed up of the model's own attention. */
export interface OwnTally {
  /** `[L * H]` means over tokens; as in `StatName`. */
  readonly span: Float64Array;
  readonly sink: Float64Array;
  pairs: number;
  /** `[L]` bytes. */
  readonly memory: Float64Array;
  seconds: number;
}

const BYTES_PER_NUMBER = Float32Array.BYTES_PER_ELEMENT;

export function tallyOf(
  choice: VariantChoice,
  owns: readonly LayerAttention[],
  heads: number,
  tokens: number,
): Tally {
  const empty = {
    choice,
    recall: new Float64Array(heads),
    error: new Float64Array(heads),
    tokenError: new Float64Array(tokens),
    recallTokens: tokens,
    pairs: 0,
    memory: new Float64Array(owns.length),
    seconds: 0,
  };
  try {
    const candidate = attention(facing(choice, owns[0]!));
    const tellsRecall = owns.every(own => isWithin(candidate, own));
    return { ...empty, attention: candidate, tellsRecall, problem: undefined };
  } catch (error) {
    return { ...empty, attention: undefined, tellsRecall: false, problem: sentence(error) };
  }
}

export function addMemory({ memory }: Pick<Tally, 'memory'>, { layer }: LayerState, mixer: Mixer): void {
  memory[layer.index] = BYTES_PER_NUMBER * keptBy(mixer, layer);
}

/** Bytes in all, and a layer. */
export function memoryOf({ memory }: Pick<Tally, 'memory'>): Pick<CandidateResult, 'memory' | 'layerMemory'> {
  return { memory: memory.reduce((sum, bytes) => sum + bytes, 0), layerMemory: Array.from(memory) };
}

export function addHabits(
  { span, sink }: OwnTally,
  { layer }: LayerState,
  block: Block,
  own: Attended,
): void {
  const heads = layer.q.shape[0]!;
  const length = block.end - block.start;
  own.stats?.span.forEach((value, row) => {
    const head = layer.index * heads + Math.floor(row / length);
    span[head]! += value / layer.tokens;
    sink[head]! += own.stats!.sink[row]! / layer.tokens;
  });
}

export function addErrors(
  tally: Tally,
  { layer }: LayerState,
  block: Block,
  attended: Attended,
  own: Attended,
): void {
  const heads = layer.q.shape[0]!;
  const length = block.end - block.start;
  const errors = outputErrors(attended.y, own.y, layer.v.shape[2]!);
  for (let head = 0; head < heads; head++) {
    for (let b = 0; b < length; b++) {
      const error = errors[head * length + b]!;
      tally.error[layer.index * heads + head]! += error;
      tally.tokenError[block.start + b]! += error;
    }
  }
}

/** @returns how many tokens of the block tell their recall. */
export function addRecall(
  tally: Tally,
  { layer }: LayerState,
  block: Block,
  attended: Attended,
  own: Attended,
): number {
  const recalls = tally.tellsRecall ? blockRecalls(attended, own) : undefined;
  if (recalls === undefined) return 0;
  const length = block.end - block.start;
  recalls.forEach((recall, row) => {
    tally.recall[layer.index * layer.q.shape[0]! + Math.floor(row / length)]! += recall / layer.tokens;
  });
  return length;
}

export function resultOf(
  tally: Tally,
  { tokens, layers, heads }: Pick<Comparison, 'tokens' | 'layers' | 'heads'>,
): CandidateResult {
  const { choice: variant, problem, recallTokens, pairs, seconds } = tally;
  const means = (sums: Float64Array, count: number) => Float32Array.from(sums, sum => sum / count);
  const tokenError = means(tally.tokenError, layers * heads);
  return {
    variant,
    problem,
    recall: Float32Array.from(tally.recall),
    error: means(tally.error, tokens),
    tokenError,
    hurt: problem === undefined ? changedTokens(tokenError) : [],
    recallTokens,
    keys: pairs / (tokens * layers),
    ...memoryOf(tally),
    seconds,
    live: undefined,
  };
}
