/** How long rows on demand take at one length, in the process that calls this. */

import { describeRow } from '../src/engine/analysis/row';
import { createExecutor } from '../src/engine/runtime/executor';
import { variantById } from '../src/engine/variants';
import { seeded } from '../src/engine/variants/primitives/seeded';
import { percentile } from './percentile';
import { randomLayer } from './randomLayer';

export interface RowsInput {
  readonly variant: string;
  readonly tokens: number;
}

export interface RowTimes {
  readonly tokens: number;
  readonly p50: number;
  readonly p95: number;
}

const SAMPLES = 200;
const HEADS = 6;
const GROUPS = 3;

export async function rowTimes({ variant, tokens }: RowsInput): Promise<RowTimes> {
  const { info, open, distribution } = variantById(variant);
  const executor = createExecutor('cpu');
  const mixer = await open(randomLayer({ executor, tokens, heads: HEADS, groups: GROUPS, width: 32 }), {});
  const { below } = seeded(tokens);
  const times: number[] = [];
  for (let at = 0; at < SAMPLES + 3; at++) {
    const [head, token] = [below(HEADS), below(tokens)];
    const start = performance.now();
    const row = await mixer.row(head, token);
    describeRow(row, { layer: 0, head, token, tokens, top: 16, profile: 256, distribution });
    // The first few load the programs.
    if (at >= 3) times.push(performance.now() - start);
  }
  if (times.length === 0) throw new Error(`No row of ${info.id} was timed.`);
  return { tokens, p50: percentile(times, 0.5), p95: percentile(times, 0.95) };
}
