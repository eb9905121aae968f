/** Progress as a share of the arithmetic done, and the place where a run can be stopped. */

import { setImmediate } from 'node:timers/promises';

import { Cancelled } from '../protocol/problem';
import type { ModelInfo } from '../protocol/inspection';
import { blockLength } from './attention';
import type { Block, Mixer } from './variants/primitives/mixer';

/** Multiplications of a model outside attention. */
export interface Costs {
  readonly info: ModelInfo;
  /** A token and layer. */
  readonly layerCost: number;
  /** A token, for the next-token loss. */
  readonly headCost: number;
  /** What was done before. */
  readonly spent: number;
}

interface Listener {
  progress(fraction: number, phase: string): void;
  cancelled(): boolean;
}

/** Multiplications that a (query, key) pair and head costs beside its two products: softmax, statistics. */
const OVERHEAD = 16;

export class Workload {
  readonly #span: Block;
  readonly #costs: Costs;
  readonly #listener: Listener;
  #attention: number;
  #done: number;
  #fraction: number;

  /** @param span the tokens to compute. */
  constructor(span: Block, costs: Costs, listener: Listener) {
    this.#span = span;
    this.#costs = costs;
    this.#listener = listener;
    const { spent, info } = costs;
    const expected = wholeAttention(info, span);
    this.#done = spent;
    this.#attention = expected / info.layers;
    this.#fraction = spent / (spent + expected);
  }

  /** A layer's plan is known; the others are taken to cost the same. */
  planned(mixers: readonly Mixer[]): void {
    let pairs = 0;
    const { start: first, end: last } = this.#span;
    // Block by block as they will run: a block's keys are those of its last query.
    for (let start = first; start < last;) {
      const end = Math.min(last, start + blockLength(mixers, start, last, this.#costs.info.heads));
      pairs += pairsOf(mixers, { start, end });
      start = end;
    }
    this.#attention = pairs * pairCost(this.#costs.info);
  }

  /** `share` of a block's work outside attention is done. */
  linear({ start, end }: Block, layer: number, share: number): Promise<void> {
    return this.#step((end - start) * this.#costs.layerCost * share, this.#layerPhase(layer));
  }

  attended(block: Block, layer: number, mixers: readonly Mixer[]): Promise<void> {
    return this.#step(pairsOf(mixers, block) * pairCost(this.#costs.info), this.#layerPhase(layer));
  }

  /** Lets requests in where no work is counted. @throws Cancelled */
  async pause(): Promise<void> {
    await setImmediate();
    if (this.#listener.cancelled()) throw new Cancelled();
  }

  scored({ start, end }: Block): Promise<void> {
    return this.#step((end - start) * this.#costs.headCost, 'Next-token loss');
  }

  get #tokens(): number {
    return this.#span.end - this.#span.start;
  }

  #layerPhase(layer: number): string {
    return `Layer ${layer + 1} of ${this.#costs.info.layers}`;
  }

  async #step(work: number, phase: string): Promise<void> {
    const { info, layerCost, headCost, spent } = this.#costs;
    this.#done += work;
    const total =
      spent + info.layers * (this.#attention + this.#tokens * layerCost) + this.#tokens * headCost;
    this.#fraction = Math.max(this.#fraction, Math.min(1, this.#done / total));
    this.#listener.progress(this.#fraction, phase);
    await this.pause();
  }
}

/** Attention of all layers as if every pair were attended: what is known until the first plan is. */
export function wholeAttention(info: ModelInfo, { start, end }: Block): number {
  return info.layers * pairCost(info) * end * (end - start);
}

function pairCost({ heads, headWidth }: ModelInfo): number {
  return heads * (2 * headWidth + OVERHEAD);
}

function pairsOf(mixers: readonly Mixer[], block: Block): number {
  return mixers.reduce((sum, mixer) => sum + mixer.cost(block), 0);
}
