/** A plain forward pass and an inspection of the same document, in turns, in the process that calls this. */

import process from 'node:process';

import { createEngine } from '../src/engine/engine';
import { openForward, runForward, runLogits } from './forward';
import { fusedAttention } from './fusedAttention';
import { longText } from './longText';
import { model } from './paths';

export interface Compared {
  readonly tokens: number;
  readonly forwardSeconds: number;
  readonly inspectionSeconds: number;
  readonly forwardProcessorSeconds: number;
  readonly inspectionProcessorSeconds: number;
}

/** Queries of a block of the plain forward pass: longer blocks are no faster. */
const BLOCK = 1024;
/** The least of a few turns stands where they are short. */
const MOST_TURNS = 5;
const ENOUGH_SECONDS = 4;

export async function compareInspection({ tokens }: { readonly tokens: number }): Promise<Compared> {
  const forward = await openForward(tokens);
  const { info } = forward.decoder;
  const shape = { heads: info.heads, groups: info.keyValueHeads, width: info.headWidth };
  const text = await longText(tokens);
  const engine = createEngine({ started: () => undefined, progress: () => undefined, log: () => undefined });
  const inspect = () =>
    engine.inspect({
      id: 'bench',
      text,
      model,
      variant: { id: 'dense', params: {} },
      schedule: { mode: 'live', layers: 'all', others: [] },
      device: 'cpu',
      maxTokens: 2 ** 24,
    });
  const attention = fusedAttention(forward.executor, shape);
  const plain = async (of = forward) => runLogits(of, await runForward(of, BLOCK, attention));

  // Both load their programs before the clock starts.
  await plain({ ...forward, ids: forward.ids.subarray(0, 300) });
  await engine.inspect({
    id: 'warm-up',
    text: text.slice(0, 1500),
    model,
    variant: { id: 'dense', params: {} },
    schedule: { mode: 'live', layers: 'all', others: [] },
    device: 'cpu',
    maxTokens: 2 ** 24,
  });
  await engine.close('warm-up');

  let [fastest, fastestInspection] = [await timed(() => plain()), await timed(inspect)];
  let spent = fastest.wall + fastestInspection.wall;
  for (let turn = 1; turn < MOST_TURNS && spent < ENOUGH_SECONDS; turn++) {
    const [a, b] = [await timed(() => plain()), await timed(inspect)];
    spent += a.wall + b.wall;
    if (a.wall < fastest.wall) fastest = a;
    if (b.wall < fastestInspection.wall) fastestInspection = b;
  }
  return {
    tokens,
    forwardSeconds: fastest.wall,
    inspectionSeconds: fastestInspection.wall,
    forwardProcessorSeconds: fastest.processor,
    inspectionProcessorSeconds: fastestInspection.processor,
  };
}

async function timed(run: () => Promise<unknown>): Promise<{ wall: number; processor: number }> {
  globalThis.gc?.();
  const began = process.cpuUsage();
  const start = performance.now();
  await run();
  const { user, system } = process.cpuUsage(began);
  return { wall: (performance.now() - start) / 1000, processor: (user + system) / 1e6 };
}
