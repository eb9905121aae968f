/** An exported graph runs in a process of its own: the engine answers meanwhile, stops it at once, and outlives it. */

import type * as ChildProcesses from 'node:child_process';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execPath, kill } from 'node:process';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { createEngine } from '../../src/engine/engine';
import type { EngineApi, EngineEvents } from '../../src/protocol/engine';
import { EVERYWHERE, type Progress } from '../../src/protocol/inspection';
import { Cancelled, Problem } from '../../src/protocol/problem';
import { inFolder } from '../support/folders';
import { buildGraphProgram, GRAPH_PROGRAM } from '../support/graphProgram';
import type { OnnxGraph } from '../support/onnxGraph';
import { afterBlock, afterEmbedding, passSequence } from '../support/onnxInsert';
import { smallModel } from '../support/onnxReference';
import { gpt2Style } from '../support/onnxStyles';

const { children } = vi.hoisted(() => ({ children: [] as ChildProcess[] }));

vi.mock('node:child_process', async load => {
  const real = await load<typeof ChildProcesses>();
  const fork = (...args: Parameters<typeof real.fork>) => {
    const child = real.fork(...args);
    children.push(child);
    return child;
  };
  return { ...real, fork };
});

const ROOT = join(import.meta.dirname, '..', '..');
const IDS = Array.from({ length: 128 }, (_, token) => token % 29);
/** From a cancellation to its answer. */
const CANCEL_MS = 200;
/** From a question to its answer, while the graph has every core. */
const ANSWER_MS = 1000;

const model = smallModel(13, 4);
const quick = gpt2Style(model).graph.encode();
const slow = gpt2Style(model).graph;
const steady = gpt2Style(model).graph;
const greedy = gpt2Style(model).graph;
afterEmbedding(slow, (g, ids) => products(g, ids, 64));
afterEmbedding(steady, (g, ids) => products(g, ids, 3));
afterBlock(steady, 0, (g, ids) => products(g, ids, 3));
afterEmbedding(greedy, hugeSum);

beforeAll(buildGraphProgram);
afterEach(() => children.splice(0));

/** So many products of matrices whose sides are 16 a token: seconds for 128 tokens, nothing for a probe. */
function products(g: OnnxGraph, ids: string, count: number): string {
  const side = g.node('Mul', [g.length(ids, 1), g.ints(16)]);
  const ones = g.node('Expand', [g.float(1e-3), g.node('Concat', [side, side], { axis: 0 })]);
  let product = ones;
  for (let step = 0; step < count; step++) product = g.node('MatMul', [product, ones]);
  return g.node('ReduceMean', [product], { keepdims: 0 });
}

/** The sum of more numbers than any machine has room for, of none in a text as short as a probe. */
function hugeSum(g: OnnxGraph, ids: string): string {
  const beyond = g.node('Max', [g.node('Sub', [g.length(ids, 1), g.ints(100)]), g.ints(0)]);
  const shape = g.node('Concat', [beyond, g.ints(2 ** 20, 2 ** 20)], { axis: 0 });
  return g.node('ReduceSum', [g.node('Expand', [g.float(1), shape])], { keepdims: 0 });
}

interface Bench {
  readonly engine: EngineApi;
  readonly told: Progress[];
  readonly directory: string;
  inspect(bytes: Uint8Array, id?: string): ReturnType<EngineApi['inspect']>;
}

async function withEngine(use: (bench: Bench) => Promise<void>, graphProgram = GRAPH_PROGRAM): Promise<void> {
  await inFolder(async folder => {
    const told: Progress[] = [];
    const events: EngineEvents = {
      started: () => undefined,
      progress: progress => told.push(progress),
      log: () => undefined,
    };
    const directory = join(folder, 'store');
    const engine = createEngine(events, { directory, graphProgram });
    await use({
      engine,
      told,
      directory,
      async inspect(bytes, id = 'onnx') {
        const path = join(folder, `${id}.onnx`);
        await writeFile(path, bytes);
        const variant = { id: 'native', params: {} };
        const request = { id, text: '', ids: IDS, model: path, variant, schedule: EVERYWHERE };
        return engine.inspect({ ...request, device: 'cpu', maxTokens: 1000 });
      },
    });
    for (const child of children) await ended(child);
    await expect.poll(() => readdir(directory).catch(() => [])).toEqual([]);
  });
}

function ended(child: ChildProcess): Promise<unknown> {
  return child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise(resolve => child.once('exit', resolve));
}

/** Waits until the graph runs over the document. */
async function running(told: readonly Progress[]): Promise<void> {
  await expect
    .poll(() => told.at(-1)?.phase, { timeout: 30_000, interval: 20 })
    .toMatch(/^Running the graph/);
}

describe('while an exported graph runs', () => {
  it('the engine answers, and says what it waits for', async () => {
    await withEngine(async ({ engine, told, inspect }) => {
      const before = await inspect(quick);
      const run = inspect(slow.encode(), 'slow').catch((error: unknown) => error);
      await running(told);
      const asked = performance.now();
      const [row] = await engine.rows([{ id: 'onnx', layer: 1, head: 2, token: 90, top: 4, profile: 0 }]);
      expect(performance.now() - asked).toBeLessThan(ANSWER_MS);
      expect(row!.keys).toHaveLength(4);
      expect((await engine.tokens('onnx')).ids).toHaveLength(before.tokens);
      await expect
        .poll(() => told.at(-1), { timeout: 20_000 })
        .toMatchObject({
          id: 'slow',
          fraction: 0,
          phase: expect.stringMatching(/^Running the graph over 128 tokens, [1-9]\d* s$/) as string,
        });
      await engine.cancel('slow');
      expect(await run).toBeInstanceOf(Cancelled);
    });
  });

  it('it stops soon after a cancellation, process and all', async () => {
    await withEngine(async ({ engine, told, inspect }) => {
      await inspect(quick);
      const run = inspect(slow.encode()).catch((error: unknown) => error);
      await running(told);
      const asked = performance.now();
      expect(await engine.cancel('onnx')).toBe(true);
      expect(await run).toBeInstanceOf(Cancelled);
      expect(performance.now() - asked).toBeLessThan(CANCEL_MS);
      await ended(children.at(-1)!);
      expect(performance.now() - asked).toBeLessThan(CANCEL_MS);
      // What was inspected before under the id is still there.
      expect((await engine.tokens('onnx')).ids).toHaveLength(IDS.length);
    });
  });

  it('another one waits', async () => {
    await withEngine(async ({ engine, told, inspect }) => {
      const first = inspect(slow.encode(), 'first').catch((error: unknown) => error);
      await running(told);
      const second = inspect(quick, 'second');
      await expect
        .poll(() => told.at(-1), { timeout: 20_000, interval: 20 })
        .toMatchObject({
          id: 'second',
          phase: 'Waiting for the graph of another document',
        });
      const third = inspect(quick, 'third').catch((error: unknown) => error);
      await expect.poll(() => told.at(-1)?.id, { timeout: 20_000, interval: 5 }).toBe('third');
      await engine.cancel('third');
      expect(await third).toBeInstanceOf(Cancelled);
      await engine.cancel('first');
      expect(await first).toBeInstanceOf(Cancelled);
      expect(await second).toMatchObject({ tokens: IDS.length });
    });
  });

  it('a killed process leaves a sentence, and the engine goes on', async () => {
    await withEngine(async ({ told, inspect }) => {
      const run = inspect(slow.encode()).catch((error: unknown) => error);
      await running(told);
      children.at(-1)!.kill('SIGKILL');
      const error = await run;
      expect(error).toBeInstanceOf(Problem);
      expect((error as Problem).message).toMatch(
        /^The process that ran onnx\.onnx over 128 tokens was ended by signal SIGKILL, most often for want of memory\. Inspect a selection/,
      );
      expect(await inspect(quick)).toMatchObject({ tokens: IDS.length, layers: 2 });
    });
  });
});

it("progress is the share of the arithmetic that is done, the graph's own included", async () => {
  await withEngine(async ({ told, inspect }) => {
    await inspect(steady.encode());
    const fractions = told.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    const running = told.filter(({ phase }) => phase.startsWith('Running')).map(({ fraction }) => fraction);
    const [first, last] = [running[0]!, running.at(-1)!];
    expect(first).toBe(0);
    expect(last).toBeGreaterThan(0);
    expect(last).toBeLessThan(told.find(({ phase }) => phase.startsWith('Layer'))!.fraction);
  });
});

it('a graph that cannot be cut runs whole', async () => {
  await withEngine(async ({ told, inspect }) => {
    const { graph } = gpt2Style(model);
    passSequence(graph);
    const [cut, whole] = [await inspect(quick), await inspect(graph.encode())];
    expect(whole).toMatchObject({ layers: 2, loss: cut.loss, notes: cut.notes });
    expect(told.at(-1)).toMatchObject({ fraction: 1, phase: 'Done' });
  });
});

it('a graph that asks for more memory than there is leaves a sentence', async () => {
  await withEngine(async ({ inspect }) => {
    const error: unknown = await inspect(greedy.encode()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Problem);
    expect((error as Problem).message).toMatch(/(onnx over 128 tokens|not enough memory)/);
    expect(await inspect(quick)).toMatchObject({ tokens: IDS.length });
  });
});

it('no process is left when the engine is killed while a graph runs', async () => {
  await inFolder(async folder => {
    const path = join(folder, 'slow.onnx');
    await writeFile(path, slow.encode());
    const parent = join(folder, 'parent.cjs');
    await build({
      stdin: {
        contents: `
          import { GraphProcess } from './src/engine/exported/graphProcess';
          const tell = (_, phase) => console.log(phase.split(' ')[0]);
          const graph = new GraphProcess(process.argv[2], process.argv[3], { progress: tell, cancelled: () => false });
          console.log(graph.pid);
          const numbers = process.argv[3] + '.numbers';
          graph.open().then(() => graph.run({ ids: new Int32Array(128), numbers, result: false }, 1));
        `,
        resolveDir: ROOT,
      },
      outfile: parent,
      bundle: true,
      platform: 'node',
      format: 'cjs',
    });
    const lines: string[] = [];
    const engine = spawn(execPath, [parent, GRAPH_PROGRAM, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: engine.stdout }).on('line', line => lines.push(line));
    await expect.poll(() => lines.at(-1), { timeout: 30_000 }).toBe('Running');
    const pid = Number(lines[0]);
    expect(isAlive(pid)).toBe(true);
    engine.kill('SIGKILL');
    await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  try {
    return kill(pid, 0);
  } catch {
    return false;
  }
}

it('a missing program leaves a sentence', async () => {
  await withEngine(async ({ inspect }) => {
    await expect(inspect(quick)).rejects.toThrow(
      /program for exported graphs was expected at .*graph\.js and is not there; install Longsight again/,
    );
  }, '/nowhere/graph.js');
});
