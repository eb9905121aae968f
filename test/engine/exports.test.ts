/** What an inspection writes to files, and where a variant hurts, held against the engine's own answers. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { worstTokens } from '../../src/engine/analysis/hurts';
import { createEngine } from '../../src/engine/engine';
import { escaped } from '../../src/engine/html/markup';
import { EVERYWHERE, type InspectionSummary, STAT_NAMES } from '../../src/protocol/inspection';
import { Problem } from '../../src/protocol/problem';
import { inFolder, LAB_BASE } from '../support/folders';
import { random } from '../support/random';

const TEXT = `<!DOCTYPE html>
<script>alert("x" & 'y')</script> <img src=https://evil.test/a.png onerror=alert(1)>
</style></title><svg onload=x> &amp; \u0007bell, \u202eright to left\u202c
${'const value = table[index] + offset;\n'.repeat(6)}`;

const ID = 'document';
const REF = { layer: 2, head: 3, token: 90 };
const TOP = 12;
const engine = createEngine({ started: () => undefined, progress: () => undefined, log: () => undefined });
let summary: InspectionSummary;

beforeAll(async () => {
  summary = await engine.inspect({
    id: ID,
    text: TEXT,
    model: LAB_BASE,
    variant: { id: 'lsh', params: {} },
    schedule: { ...EVERYWHERE, mode: 'shadow', layers: '1-2' },
    device: 'cpu',
    maxTokens: 10_000,
  });
});

async function written(format: 'json' | 'html', name = 'a "name" <b>.html'): Promise<string> {
  return await inFolder(async folder => {
    const file = join(folder, 'out');
    await engine.export({ id: ID, format, file, name, row: REF, top: TOP });
    return await readFile(file, 'utf8');
  });
}

describe('the JSON of an inspection', () => {
  it('gives back the numbers of the engine', async () => {
    const read = JSON.parse(await written('json')) as {
      name: string;
      summary: InspectionSummary;
      text: string;
      tokens: Record<string, number[]>;
      losses: (number | null)[];
      overview: { stats: Record<string, (number | null)[]> };
      heads: { layer: number; head: number; stats: Record<string, (number | null)[]> }[];
    };
    const floats = (list: readonly (number | null)[]) => Float32Array.from(list, value => value ?? NaN);
    const table = await engine.tokens(ID);
    expect(read.name).toBe('a "name" <b>.html');
    expect(read.summary).toEqual(JSON.parse(JSON.stringify(summary)));
    expect(read.text).toBe(TEXT);
    expect(Int32Array.from(read.tokens['ids']!)).toEqual(table.ids);
    expect(Int32Array.from(read.tokens['starts']!)).toEqual(table.starts);
    expect(Int32Array.from(read.tokens['ends']!)).toEqual(table.ends);
    expect(floats(read.losses)).toEqual(await engine.losses(ID));
    const overview = await engine.overview(ID);
    expect(read.heads.map(({ layer, head }) => [layer, head])).toEqual(
      Array.from({ length: summary.layers * summary.heads }, (_, at) => [
        Math.floor(at / summary.heads),
        at % summary.heads,
      ]),
    );
    for (const name of STAT_NAMES) expect(floats(read.overview.stats[name]!)).toEqual(overview.stats[name]);
    for (const { layer, head, stats } of read.heads) {
      const exact = await engine.stats(ID, { layer, head });
      for (const name of STAT_NAMES) expect(floats(stats[name]!)).toEqual(exact[name]);
    }
  });

  it('says why it could not be written', async () => {
    const request = { id: ID, name: 'x', row: REF, top: 1, file: '/no/such/folder/out.json' } as const;
    for (const format of ['json', 'html'] as const) {
      await expect(engine.export({ ...request, format })).rejects.toThrow(Problem);
      await expect(engine.export({ ...request, format })).rejects.toThrow(/its folder does not exist/);
    }
  });
});

describe('the page about an inspection', () => {
  it('is made of the elements that were meant, whatever the document says', async () => {
    const page = await written('html');
    expect(page.startsWith('<!DOCTYPE html>\n<html lang="en">')).toBe(true);
    const names = new Set([...page.matchAll(/<([a-z][a-z0-9]*)/gi)].map(([, name]) => name));
    const allowed =
      'html head meta title style body main section h1 h2 h3 p span mark table thead tbody tr th td data dl div dt dd ul li details summary footer svg rect path text';
    expect([...names].filter(name => !allowed.split(' ').includes(name!))).toEqual([]);
    // What is text between tags may say anything; no tag may.
    const tags = page.match(/<[^>]*>/g)!;
    for (const tag of tags) expect(tag).not.toMatch(/\son\w+=|javascript:|https?:|src=|href=|style="/i);
    expect(page).toContain('&lt;script&gt;');
    expect(page).toContain('a &quot;name&quot; &lt;b&gt;.html');
    expect(page).not.toContain('\u0007');
    const head = page.slice(0, page.indexOf('<style>'));
    expect(head).toContain('content="default-src &#39;none&#39;; style-src &#39;sha256-');
    expect(head).not.toContain('unsafe');
    expect(page.match(/<style>/g)).toHaveLength(1);
    expect(page).not.toMatch(/url\(|@import/);
  });

  it('closes every element', async () => {
    const page = await written('html');
    const open: string[] = [];
    for (const [, end, name] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)/g)) {
      if (name === 'meta') continue;
      if (end === '') open.push(name!);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it('has the numbers of the engine with all digits', async () => {
    const page = await written('html');
    const values = [...page.matchAll(/<data value="([^"]*)"/g)].map(([, value]) => Number(value));
    const [row] = await engine.rows([{ id: ID, ...REF, top: TOP, profile: 0, against: true }]);
    const { keys, entropy, span, sink, peak, mass, admitted, against } = row!;
    const overview = await engine.overview(ID);
    const losses = await engine.losses(ID);
    const most = losses.reduce((best, loss) => (loss > best ? loss : best), 0);
    const hurts = await engine.hurts({ id: ID, head: undefined, limit: 3 });
    const expected = [
      ...[entropy, span, sink, peak, mass, admitted, against!.recall, against!.error, against!.span],
      ...keys.flatMap(key => [key.index, key.weight]),
      ...against!.missed.map(({ weight }) => weight),
      ...Object.values(overview.stats).flatMap(list => [...list].filter(Number.isFinite)),
      ...hurts.flatMap(({ token, error, worst }) => [token, error, worst]),
      summary.loss!,
      most,
    ];
    expect(expected.filter(value => !values.includes(value))).toEqual([]);
  });

  it('tells which numbers come from parameters that were not given', async () => {
    const page = await written('html');
    expect(summary.notes.length).toBeGreaterThan(0);
    for (const note of summary.notes) expect(page).toContain(`<li>${escaped(note)}</li>`);
  });

  it('is not made for a row that does not exist', async () => {
    const request = { id: ID, format: 'html', name: 'x', file: '/tmp/never', top: 1 } as const;
    await expect(engine.export({ ...request, row: { ...REF, token: 1e6 } })).rejects.toThrow(
      /has tokens 0 to/,
    );
  });
});

describe('where a variant hurts most', () => {
  it('is where the error of the head is greatest', async () => {
    const { error } = await engine.stats(ID, REF);
    const hurts = await engine.hurts({ id: ID, head: REF, limit: 7 });
    const order = Array.from(error.keys())
      .filter(token => error[token]! > 0)
      .sort((a, b) => error[b]! - error[a]! || a - b)
      .slice(0, 7);
    expect(hurts.map(({ token }) => token)).toEqual(order);
    for (const hurt of hurts) {
      expect(hurt).toMatchObject({ layer: 2, head: 3, error: error[hurt.token], worst: error[hurt.token] });
    }
    const [row] = await engine.rows([
      { id: ID, ...REF, token: order[0]!, top: 1, profile: 0, against: true },
    ]);
    expect(row!.against!.error).toBeCloseTo(hurts[0]!.error, 4);
  });

  it('is of the layers where the variant attends, when all heads count', async () => {
    const hurts = await engine.hurts({ id: ID, head: undefined, limit: summary.tokens });
    const errors = new Float64Array(summary.tokens);
    for (const layer of [1, 2]) {
      for (let head = 0; head < summary.heads; head++) {
        const { error } = await engine.stats(ID, { layer, head });
        error.forEach((value, token) => (errors[token]! += value / (2 * summary.heads)));
      }
    }
    expect(hurts).toHaveLength(errors.filter(error => error > 0).length);
    for (const { token, error, layer } of hurts) {
      expect(error).toBeCloseTo(errors[token]!, 10);
      expect([1, 2]).toContain(layer);
    }
    expect(hurts.map(({ error }) => error)).toEqual(
      hurts.map(({ error }) => error).toSorted((a, b) => b - a),
    );
  });

  it('is nowhere in a layer left as it was, and for no head that there is not', async () => {
    expect(await engine.hurts({ id: ID, head: { layer: 0, head: 0 }, limit: 5 })).toEqual([]);
    await expect(engine.hurts({ id: ID, head: { layer: 9, head: 0 }, limit: 5 })).rejects.toThrow(
      /layers 0 to 3/,
    );
  });

  it('leaves out what is not known, and names the worst head', () => {
    const next = random(5);
    const heads = [0, 1, 2].map(head => ({
      layer: 0,
      head,
      values: Float32Array.from({ length: 50 }, (_, token) => (token % 5 === head ? NaN : next())),
    }));
    const hurts = worstTokens(heads, 50);
    expect(hurts).toHaveLength(50);
    for (const { token, error, head, worst } of hurts) {
      const known = heads.map(({ values }) => values[token]!).filter(Number.isFinite);
      expect(error).toBeCloseTo(known.reduce((sum, value) => sum + value, 0) / known.length, 10);
      expect(worst).toBe(Math.max(...known));
      expect(heads[head]!.values[token]).toBe(worst);
    }
    expect(worstTokens(heads, 4)).toEqual(hurts.slice(0, 4));
    expect(worstTokens([{ layer: 0, head: 0, values: new Float32Array(9).fill(NaN) }], 4)).toEqual([]);
    expect(worstTokens([], 4)).toEqual([]);
  });
});
