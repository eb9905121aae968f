/** One point of a slope: a variant over one length, in the process that calls this. */

import { setImmediate } from 'node:timers/promises';
import process from 'node:process';

import { createExecutor } from '../src/engine/runtime/executor';
import { variantById } from '../src/engine/variants';
import type { Block, Layer } from '../src/engine/variants/primitives/mixer';
import { blocksOf, evenly } from './blocks';
import { CLAIMS, claimName } from './claims';
import { peakSince } from './peakMemory';
import { randomLayer } from './randomLayer';

export interface SlopeInput {
  readonly name: string;
  readonly tokens: number;
  readonly heads: number;
  readonly width: number;
  /** In place of the claim's. */
  readonly params?: Readonly<Record<string, unknown>>;
}

export interface SlopePoint {
  readonly tokens: number;
  /** Of the plan and of attention over the whole sequence; estimated where blocks were sampled. */
  readonly processorSeconds: number;
  readonly seconds: number;
  /** The plan's share of the processor seconds. */
  readonly planSeconds: number;
  /** Peak resident memory beyond an idle process with the runtime loaded: programs, inputs and all. */
  readonly megabytes: number;
  readonly blocks: number;
  readonly measuredBlocks: number;
}

/** Blocks that stand for all of them, where a claim is quadratic. */
const SAMPLED = 24;
/** The least of a few runs stands where one takes little time. */
const MOST_RUNS = 5;
/** Processor seconds. */
const ENOUGH = 1;
/** A short sequence loads the programs and warms the compiler before the clock starts. */
const WARM_UP = 1500;

export async function slopePoint({ name, tokens, heads, width, params }: SlopeInput): Promise<SlopePoint> {
  const claim = CLAIMS.find(each => claimName(each) === name);
  if (claim === undefined) throw new Error(`There is no claim '${name}'.`);
  const variant = variantById(claim.id);
  const executor = createExecutor('cpu');

  const layerOf = (count: number) =>
    randomLayer({
      executor,
      tokens: count,
      heads,
      groups: heads,
      width,
      ...(claim.tensors && { tensors: claim.tensors }),
    });

  async function measure(layer: Layer, most: number) {
    const began = process.cpuUsage();
    const start = performance.now();
    const mixer = await variant.open(layer, params ?? claim?.params?.(layer.tokens) ?? {});
    const plan = { processor: processorSeconds(began), wall: (performance.now() - start) / 1000 };
    const all = blocksOf(mixer, layer.tokens, heads);
    const chosen = claim?.sampled && all.length > most ? evenly(all, most) : all;
    const attending = process.cpuUsage();
    const startAttending = performance.now();
    for (const block of chosen) {
      await mixer.attend(block);
      // As the pipeline does; memory of results is freed between turns.
      await setImmediate();
    }
    const attended = processorSeconds(attending);
    const sum = (blocks: readonly Block[]) => blocks.reduce((total, block) => total + mixer.cost(block), 0);
    const share = chosen === all ? 1 : sum(all) / sum(chosen);
    return {
      plan,
      processor: plan.processor + attended * share,
      wall: plan.wall + ((performance.now() - startAttending) / 1000) * share,
      blocks: all.length,
      measured: chosen.length,
      spent: plan.processor + attended,
    };
  }

  const empty = process.memoryUsage().rss;
  await measure(layerOf(Math.min(WARM_UP, tokens)), Infinity);
  globalThis.gc?.();
  const peakOf = peakSince();
  const layer = layerOf(tokens);
  let best = await measure(layer, SAMPLED);
  const peak = peakOf();
  let spent = best.spent;
  for (let run = 1; run < MOST_RUNS && spent < ENOUGH; run++) {
    const next = await measure(layer, SAMPLED);
    spent += next.spent;
    if (next.processor < best.processor) best = next;
  }
  const { plan, processor, wall, blocks, measured } = best;
  return {
    tokens,
    processorSeconds: processor,
    seconds: wall,
    planSeconds: plan.processor,
    megabytes: (peak - empty) / 2 ** 20,
    blocks,
    measuredBlocks: measured,
  };
}

function processorSeconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}
