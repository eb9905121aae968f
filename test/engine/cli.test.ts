/** The built command line, as a person or a script calls it. */

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { build } from 'esbuild';

import { writeSafetensors } from '../../src/engine/model/safetensors';
import { describeBytes } from '../../src/protocol/bytesText';
import type { Comparison } from '../../src/protocol/comparison';
import type { RunMode, VariantChoice } from '../../src/protocol/inspection';
import { inFolder } from '../support/folders';

const ROOT = join(import.meta.dirname, '..', '..');
// Beside dist: the bundled model is found from there, and so is the runtime.
const CLI = join(ROOT, 'out', 'cli.cjs');

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function longsight(...args: string[]): Promise<Outcome> {
  return new Promise(done => {
    execFile(process.execPath, [CLI, ...args], (error, stdout, stderr) =>
      done({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
    );
  });
}

beforeAll(() =>
  build({
    entryPoints: [join(ROOT, 'src', 'engine', 'cli.ts')],
    outfile: CLI,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['onnxruntime-node'],
  }),
);

function withText<T>(
  text: string | Uint8Array,
  use: (file: string, folder: string) => Promise<T>,
): Promise<T> {
  return inFolder(async folder => {
    const file = join(folder, 'text.txt');
    await writeFile(file, text);
    return use(file, folder);
  });
}

const TEXT = 'const answer = 42;\nconst question = "six by nine";\nconsole.log(question, answer);\n';

describe('inspect --html', () => {
  it('writes a page with the row that it prints', async () => {
    await withText(TEXT, async (file, folder) => {
      const page = join(folder, 'report.html');
      const row = ['--device', 'cpu', '--layer', '1', '--head', '2', '--token', '20', '--top', '3'];
      const { code, stdout, stderr } = await longsight('inspect', file, ...row, '--html', page, '--json');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const found = JSON.parse(stdout) as { row: { entropy: number; keys: { weight: number }[] } };
      const html = await readFile(page, 'utf8');
      expect(html).toContain('<h1>text.txt</h1>');
      expect(html).toContain('Token 20 in layer 1, head 2');
      for (const value of [found.row.entropy, ...found.row.keys.map(({ weight }) => weight)]) {
        expect(html).toContain(`<data value="${value}">`);
      }
    });
  });

  it('says why it cannot', async () => {
    const { code, stderr } = await withText(TEXT, (file, folder) =>
      longsight('inspect', file, '--device', 'cpu', '--html', join(folder, 'none', 'x.html')),
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /x\.html could not be written: its folder does not exist\. Choose another place\./,
    );
  });
});

describe('inspect', () => {
  it('prints one JSON object', async () => {
    const args = [
      '--device',
      'cpu',
      '--variant',
      'local',
      '--set',
      'window=5',
      '--layer',
      '1',
      '--head',
      '2',
    ];
    const { code, stdout, stderr } = await withText(TEXT, file =>
      longsight('inspect', file, ...args, '--token', '20', '--top', '3', '--json'),
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const found = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(found)).toEqual([
      'model',
      'variant',
      'mode',
      'layerVariants',
      'device',
      'precision',
      'weights',
      'tokens',
      'layers',
      'heads',
      'loss',
      'seconds',
      'notes',
      'row',
    ]);
    expect(found).toMatchObject({ model: 'lab-base', variant: 'local', device: 'cpu', layers: 4, heads: 6 });
    const row = found['row'] as { keys: { index: number; weight: number; text: string }[]; mass: number };
    expect(Object.keys(row)).toEqual([
      'layer',
      'head',
      'token',
      'text',
      'position',
      'entropy',
      'span',
      'mass',
      'distribution',
      'against',
      'keys',
    ]);
    expect(row).toMatchObject({ layer: 1, head: 2, token: 20, position: 20 });
    expect(row.keys).toHaveLength(3);
    for (const { index } of row.keys) expect(index).toBeGreaterThan(15);
    expect(row.keys.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(row.mass, 5);
  });

  it('prints the memory that the row reads from', async () => {
    const run = (...args: readonly string[]) =>
      withText(TEXT, file => longsight('inspect', file, '--device', 'cpu', '--memory', ...args));
    const { stdout } = await run('--variant', 'delta', '--json', '--token', '20');
    const { memory } = JSON.parse(stdout) as { memory: Record<string, unknown> };
    expect(memory).toMatchObject({ kind: 'state', rows: 32, columns: 32, token: 20 });
    expect(memory['at']).toEqual(Array.from({ length: 21 }, (_, token) => token));
    expect(memory['norm']).toHaveLength(21);
    const { overwrites } = memory as { overwrites: { token: number; tokenText: string }[] };
    expect(overwrites[0]).toMatchObject({ token: 20, tokenText: expect.any(String) as string });

    const text = await run('--variant', 'recurrent-memory', '--set', 'segment=8');
    expect(text.stdout).toMatch(/% of the row is read from memory; 8 tokens held, \d+ evicted/);
    expect(text.stdout).toMatch(/kept at \d+ {2}segment \d+ "/);
    expect((await run('--variant', 'local')).stdout).toContain('no memory but the keys themselves');
  });

  it('goes on in float32 where there is no float16, and says so', async () => {
    const asked = ['--device', 'cpu', '--precision', 'float16', '--json'];
    const { code, stdout, stderr } = await withText(TEXT, file => longsight('inspect', file, ...asked));
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr:
        'warn: float16 is offered on WebGPU only, not on CPU. Everything is computed in float32 instead.\n',
    });
    expect(JSON.parse(stdout)).toMatchObject({ device: 'cpu', precision: 'float32' });
  });

  it('prints a table for people', async () => {
    const { stdout } = await withText(TEXT, file => longsight('inspect', file, '--device', 'cpu'));
    expect(stdout).toMatch(/lab-base {2}dense {2}on cpu/);
    expect(stdout).toMatch(/loss \d\.\d+ nats a token/);
  });

  it.each([
    {
      name: 'a missing file',
      args: ['/nowhere/text.txt'],
      says: /Could not read the document .*no such file/,
    },
    {
      name: 'an unknown variant',
      args: ['TEXT', '--variant', 'magic'],
      says: /no attention variant 'magic'/,
    },
    { name: 'an unknown parameter', args: ['TEXT', '--set', 'speed=9'], says: /no parameter 'speed'/ },
    { name: 'a setting without a value', args: ['TEXT', '--set', 'speed'], says: /Parameters are key=value/ },
    { name: 'a model that is not there', args: ['TEXT', '--model', '/nowhere'], says: /There is no folder/ },
    {
      name: 'a token that is not there',
      args: ['TEXT', '--token', '100000'],
      says: /The document has tokens 0 to/,
    },
    { name: 'an unknown device', args: ['TEXT', '--device', 'abacus'], says: /abacus/ },
    { name: 'an unknown precision', args: ['TEXT', '--precision', 'float8'], says: /float8/ },
  ])('answers $name with one sentence and a status', async ({ args, says }) => {
    const { code, stdout, stderr } = await withText(TEXT, file =>
      longsight('inspect', ...args.map(arg => (arg === 'TEXT' ? file : arg))),
    );
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(says);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it.each([
    { name: 'an empty', text: '', says: /empty/ },
    { name: 'a binary', text: new Uint8Array([80, 75, 3, 4, 0, 0, 0, 1]), says: /NUL/ },
  ])('refuses $name document', async ({ text, says }) => {
    const { code, stderr } = await withText(text, file => longsight('inspect', file));
    expect(code).toBe(1);
    expect(stderr).toMatch(says);
  });
});

describe('check', () => {
  it('takes more files than a command line should hold', async () => {
    const { code, stdout } = await withText(TEXT, async (_, folder) => {
      const ones = { dtype: 'F32' as const, shape: [1, 2, 1], data: Float32Array.of(1, 1) };
      const file = join(folder, 'a.safetensors');
      await writeSafetensors(file, { q: ones, k: ones, v: ones, 'expect.y': ones }, { variant: 'dense' });
      const files = Array.from({ length: Math.ceil(40_000 / file.length) }, () => file);
      return longsight('check', ...files, '--device', 'cpu', '--json');
    });
    const results = JSON.parse(stdout) as { status: string }[];
    expect(results.length).toBeGreaterThan(100);
    expect(results.every(({ status }) => status === 'PASS')).toBe(true);
    expect(code).toBe(0);
  });

  it('prints a line a file and fails if any fails', async () => {
    const outcome = await withText(TEXT, async (_, folder) => {
      const ones = { dtype: 'F32' as const, shape: [1, 2, 1], data: Float32Array.of(1, 1) };
      const write = (name: string, y: number, variant: string) =>
        writeSafetensors(
          join(folder, name),
          { q: ones, k: ones, v: ones, 'expect.y': { ...ones, data: Float32Array.of(1, y) } },
          { variant, params: '{}' },
        );
      await write('a.safetensors', 1, 'dense');
      await write('b.safetensors', 2, 'dense');
      await write('c.safetensors', 1, 'unheard-of');
      const files = ['a', 'b', 'c'].map(name => join(folder, `${name}.safetensors`));
      return {
        all: await longsight('check', ...files, '--device', 'cpu'),
        good: await longsight('check', files[0]!, '--device', 'cpu'),
      };
    });
    const lines = outcome.all.stdout.trim().split('\n');
    expect(lines.map(line => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'PASS dense',
      'FAIL dense',
      'SKIP unheard-of',
    ]);
    expect(outcome.all.code).toBe(1);
    expect(outcome.good.code).toBe(0);
  });
});

it('lists the variants', async () => {
  const { stdout } = await longsight('variants', '--json');
  const ids = (JSON.parse(stdout) as { id: string }[]).map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining(['dense', 'local', 'segmented']));
});

describe('a schedule in a file', () => {
  it('says the mode and the layers, which the command line may say otherwise', async () => {
    await withText(TEXT, async (file, folder) => {
      const path = join(folder, 'schedule.json');
      const variant = { id: 'local', params: { window: 4 } };
      await writeFile(
        path,
        JSON.stringify({ mode: 'shadow', layers: '1', others: [{ layers: '2', variant }] }),
      );
      const args = ['inspect', file, '--device', 'cpu', '--variant', 'strided', '--schedule', path, '--json'];
      const scheduleIn = async (...more: string[]) => {
        const { stdout, stderr } = await longsight(...args, ...more);
        expect(stderr).toBe('');
        return JSON.parse(stdout) as { mode: RunMode; layerVariants: readonly VariantChoice[] };
      };
      const read = await scheduleIn();
      expect(read.mode).toBe('shadow');
      expect(read.layerVariants.map(({ id }) => id)).toEqual(['dense', 'strided', 'local', 'dense']);
      const said = await scheduleIn('--mode', 'live', '--layers', '0');
      expect(said.layerVariants.map(({ id }) => id)).toEqual(['strided', 'dense', 'local', 'dense']);
      expect(said.mode).toBe('live');
    });
  });
});

describe('compare', () => {
  it('tells what decoding keeps of each variant, in bytes and in words', async () => {
    await withText(TEXT.repeat(8), async file => {
      const args = ['compare', file, '--device', 'cpu', '--no-live'];
      const variants = ['dense', 'local:window=32', 'linear'].flatMap(variant => ['--variant', variant]);
      const { stdout } = await longsight(...args, ...variants, '--json');
      const found = JSON.parse(stdout) as Comparison;
      const layer = found.tokens * 3 * (32 + 32) * 4;
      expect(found.layerMemory).toEqual([layer, layer, layer, layer]);
      const sizes = found.candidates.map(({ memory }) => memory);
      expect(sizes).toEqual([4 * layer, 4 * 32 * 3 * 64 * 4, 4 * 3 * 32 * 33 * 4]);
      const table = (await longsight(...args, ...variants)).stdout;
      expect(table).toMatch(/variant +recall +error +keys +memory +loss change +seconds/);
      expect(table).toMatch(/local \(window=32\) .* 98\.3 kB /);
      expect(table).toContain(`memory ${describeBytes(4 * layer)}\n`);
    });
  });
});

describe('compare --sweep', () => {
  it.each([
    { args: ['--sweep', 'local:window=8,wide'], says: /smallest of numbers; 'wide' of window is none/ },
    { args: ['--schedule', 'x.json'], says: /--schedule writes what a --sweep finds/ },
  ])('is refused before anything runs: $args', async ({ args, says }) => {
    await withText(TEXT, async file => {
      const { code, stderr } = await longsight('compare', file, '--device', 'cpu', ...args);
      expect(code).toBe(1);
      expect(stderr).toMatch(says);
    });
  });
});
