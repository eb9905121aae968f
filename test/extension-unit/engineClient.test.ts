import { mkdtempSync, rmSync } from 'node:fs';
import { constants, getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { InspectRequest } from '../../src/protocol/engine';
import { EVERYWHERE } from '../../src/protocol/inspection';
import { Cancelled, Problem } from '../../src/protocol/problem';
import { EngineClient, type EngineExit } from '../../src/extension/engineClient';

/** In milliseconds; longer than a starved process takes to stop. */
const GRACE = 2000;
const IDLE = 100;

let folder: string;
let entry: string;
let client: EngineClient;
let exits: EngineExit[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'longsight-fake-'));
  entry = join(folder, 'engine.js');
  const fake = join(import.meta.dirname, '../support/fakeEngine.ts');
  await build({
    entryPoints: [fake],
    outfile: entry,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    keepNames: true,
  });
});

afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  client = new EngineClient({ entry }, { cancel: GRACE, idle: IDLE });
  exits = [];
  client.exited.on(exit => exits.push(exit));
});

afterEach(() => client.dispose());

function request(id: string, text: string): InspectRequest {
  return {
    id,
    text,
    model: '/models/fake',
    variant: { id: 'dense', params: {} },
    schedule: EVERYWHERE,
    device: 'cpu',
    maxTokens: 100,
  };
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, milliseconds));

async function until(what: string, holds: () => boolean): Promise<void> {
  await expect.poll(holds, { message: what, timeout: 30_000, interval: 5 }).toBe(true);
}

/** Settles when the next run has begun. */
function started(): Promise<void> {
  return new Promise(resolve => client.started.on(() => resolve()));
}

/** The error of a call that must fail. */
async function failure(call: Promise<unknown>): Promise<Error> {
  return await call.then(
    () => expect.fail('the call was expected to fail'),
    (error: unknown) => error as Error,
  );
}

describe('a working engine', () => {
  it('starts on first use and answers with typed arrays', async () => {
    expect(client.pid).toBeUndefined();
    const summary = await client.inspect(request('a', 'the long sight'));
    expect(summary).toMatchObject({ tokens: 3, loss: 2.5 });
    const table = await client.tokens('a');
    expect([...table.starts]).toEqual([0, 3, 8]);
    expect(table.ids).toBeInstanceOf(Int32Array);
    const [row] = await client.rows([{ id: 'a', layer: 1, head: 0, token: 2, top: 2, profile: 0 }]);
    expect(row!.keys.map(key => key.index)).toEqual([2, 1]);
  });

  it('answers with a memory, and with none where there is none', async () => {
    await client.inspect({ ...request('a', 'one two three'), variant: { id: 'local', params: {} } });
    const row = { layer: 0, head: 0, token: 2 };
    const memory = await client.memory({ id: 'a', row, limit: 9 });
    if (memory?.kind !== 'slots') expect.fail('slots were expected');
    expect(memory.slots[0]!.ranges).toEqual(Int32Array.of(1, 2));
    await client.inspect(request('b', 'one two three'));
    expect(await client.memory({ id: 'b', row, limit: 9 })).toBeUndefined();
  });

  it('tells the start before the end, and progress of a slow run', async () => {
    const said: string[] = [];
    client.started.on(summary => said.push(`started ${summary.id}`));
    client.progress.on(progress => said.push(`progress ${progress.id}`));
    const run = client.inspect(request('s', '@slow text'));
    await until('progress is told', () => said.includes('progress s'));
    expect(said[0]).toBe('started s');
    await client.cancel('s');
    await failure(run);
  });

  it('hands on problems as problems and defects as defects', async () => {
    const problem = await failure(client.inspect(request('p', '@problem text')));
    expect(problem).toBeInstanceOf(Problem);
    expect(problem.message).toContain('Try another');
    const defect = await failure(client.inspect(request('d', '@defect text')));
    expect(defect).not.toBeInstanceOf(Problem);
    expect(defect.message).toContain('not a fake');
    await expect(client.describeModel('/missing/model')).rejects.toBeInstanceOf(Problem);
  });

  it('leaves the editor its share of the processor', async () => {
    await client.info();
    expect(getPriority(client.pid)).toBe(constants.priority.PRIORITY_BELOW_NORMAL);
  });

  it('ends when its last inspection is closed, which returns all its memory, and starts again', async () => {
    await client.inspect(request('a', 'one'));
    await client.inspect(request('b', 'two'));
    const pid = client.pid!;
    await client.close('a');
    await pause(3 * IDLE);
    expect(client.pid).toBe(pid);
    await client.close('b');
    await until('the process ends', () => !exists(pid));
    expect(exits).toMatchObject([{ expected: true, interrupted: false }]);
    expect(await client.inspect(request('c', 'three more'))).toMatchObject({ tokens: 2 });
    expect(client.pid).not.toBe(pid);
  });

  it('does not end while it is asked something', async () => {
    await client.inspect(request('a', 'one'));
    const pid = client.pid!;
    const asked = client.describeModel('/models/slow');
    await client.close('a');
    await expect(asked).resolves.toMatchObject({ name: 'fake' });
    await until('the process ends', () => !exists(pid));
  });

  it('does not start an engine to close what it cannot hold', async () => {
    await client.close('nothing');
    expect(client.pid).toBeUndefined();
  });
});

describe('a lost engine', () => {
  it('says how it ended and with which last words, and the next run works', async () => {
    const error = await failure(client.inspect(request('c', '@crash text')));
    expect(error).toBeInstanceOf(Problem);
    expect(error.message).toContain('exit code 3');
    expect(error.message).toContain('the fake ran out of luck');
    expect(exits).toHaveLength(1);
    expect(exits[0]).toMatchObject({ expected: false, interrupted: true });
    await expect(client.inspect(request('d', 'works again'))).resolves.toMatchObject({ tokens: 2 });
  });

  it('answers every pending call when it is killed from outside', async () => {
    await client.info();
    const pid = client.pid!;
    const calls = [client.inspect(request('k', '@slow text')), client.inspect(request('l', '@slow text'))];
    const failures = Promise.all(calls.map(failure));
    process.kill(pid, 'SIGKILL');
    for (const error of await failures) {
      expect(error).toBeInstanceOf(Problem);
      expect(error.message).toContain('SIGKILL');
    }
    const { pid: next } = await client.info();
    expect(next).not.toBe(pid);
  });

  it('refuses an entry that is not there, in a sentence', async () => {
    const lost = new EngineClient({ entry: join(folder, 'nowhere.js') });
    const error = await failure(lost.info());
    expect(error).toBeInstanceOf(Problem);
    expect(error.message).toContain('nowhere.js');
  });
});

describe('cancelling', () => {
  it('answers at once and leaves an engine alone that stops', async () => {
    const run = failure(client.inspect(request('s', '@slow text')));
    await client.info();
    const { pid } = client;
    await expect(client.cancel('s')).resolves.toBe(true);
    expect(await run).toBeInstanceOf(Cancelled);
    await pause(1.5 * GRACE);
    expect(client.pid).toBe(pid);
    expect(exits).toEqual([]);
  });

  it('answers at once even if the engine hangs, ends it after the grace, and goes on with another', async () => {
    const begun = started();
    const run = failure(client.inspect(request('h', '@hang text')));
    await begun;
    const pid = client.pid!;
    await client.cancel('h');
    expect(await run).toBeInstanceOf(Cancelled);
    expect(exits).toEqual([]);
    await until('the process is ended', () => exits.length === 1);
    expect(exits[0]!.reason).toContain('did not stop within 2 s');
    expect(exits[0]!.interrupted).toBe(false);
    expect(exists(pid)).toBe(false);
    await expect(client.inspect(request('n', 'next one'))).resolves.toMatchObject({ tokens: 2 });
  });

  it('says when there was nothing to cancel', async () => {
    await expect(client.cancel('none')).resolves.toBe(false);
  });
});

describe('ending', () => {
  it('restarts with another process and answers runs with a cancellation', async () => {
    const run = failure(client.inspect(request('s', '@slow text')));
    await client.info();
    const pid = client.pid!;
    await client.restart();
    expect(await run).toBeInstanceOf(Cancelled);
    expect(client.pid).not.toBe(pid);
    expect(exists(pid)).toBe(false);
    expect(exits).toEqual([{ reason: 'The engine was restarted.', expected: true, interrupted: false }]);
  });

  it('is told before another process can hold anything', async () => {
    const told: string[] = [];
    client.started.on(({ id }) => told.push(`started ${id}`));
    client.exited.on(() => told.push('exited'));
    await client.inspect(request('a', '@linger text'));
    const restarted = client.restart();
    await client.inspect(request('b', 'next one'));
    expect(told).toEqual(['started a', 'exited', 'started b']);
    await restarted;
    await expect(client.tokens('b')).resolves.toBeDefined();
  });

  it('leaves no process behind and starts none after', async () => {
    const begun = started();
    const run = failure(client.inspect(request('h', '@hang text')));
    await begun;
    const pid = client.pid!;
    await client.dispose();
    expect(await run).toBeInstanceOf(Cancelled);
    expect(exists(pid)).toBe(false);
    await expect(client.info()).rejects.toBeInstanceOf(Problem);
    expect(client.pid).toBeUndefined();
  });
});
