import { describe, expect, test } from 'vitest';
import { drawGrid, gridLayout } from '../../webview/draw/grid';
import { drawRow, ROW_HEIGHT } from '../../webview/draw/row';
import { paletteOf } from '../../webview/draw/palette';
import { SvgPen } from '../../webview/exports/svgPen';
import { csvOf, jsonOf, type Table } from '../../webview/exports/table';
import { overviewTable, rowsTable, rowTables, statsTable } from '../../webview/exports/tables';
import type { TokenStats } from '../../src/protocol/inspection';
import type { Texts } from '../../webview/texts';
import { fakeRow, noise } from './harness/fakeDocument';

/** Reads RFC 4180 by its grammar. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  let at = 0;
  while (at < text.length) {
    let field = '';
    if (text[at] === '"') {
      for (at += 1; text[at] !== '"' || text[at + 1] === '"'; at += 1) {
        field += text.charAt(at);
        if (text[at] === '"') at += 1;
      }
      at += 1;
    } else while (at < text.length && text[at] !== ',' && text[at] !== '\r') field += text.charAt(at++);
    rows.at(-1)!.push(field);
    if (text[at] === ',') at += 1;
    else {
      at += 2;
      if (at < text.length) rows.push([]);
    }
  }
  return rows;
}

/** A column of a parsed table, as numbers. */
function column(rows: string[][], name: string): number[] {
  const at = rows[0]!.indexOf(name);
  return rows.slice(1).map(row => (row[at] === '' ? Number.NaN : Number(row[at])));
}

const stats: TokenStats = (() => {
  const series = (seed: number) =>
    Float32Array.from({ length: 300 }, (_, at) => (at % 50 === 7 ? Number.NaN : noise(at, seed) / 3));
  return {
    entropy: series(1),
    span: series(2),
    sink: series(3),
    peak: series(4),
    recall: series(6),
    error: series(5),
  };
})();

const words = new Map([
  [0, '"quoted", twice'],
  [1, 'two\r\nlines'],
]);
const texts = {
  of: (token: number) => ({ token, text: words.get(token) ?? ` w${token}`, line: 1 }),
} as unknown as Texts;

describe('CSV', () => {
  test('gives back every number with all its digits', () => {
    const rows = parseCsv(csvOf(statsTable(stats)));
    expect(rows).toHaveLength(301);
    for (const name of ['entropy', 'span', 'sink', 'peak', 'recall', 'error'] as const) {
      expect(Float32Array.from(column(rows, name))).toEqual(stats[name]);
    }
    expect(column(rows, 'token')).toEqual(Array.from({ length: 300 }, (_, at) => at));
  });

  test('gives back texts as they were', () => {
    const cells = ['plain', 'a,b', '"', '""', 'line\nbreak', '\r\n', '', ' =1+1', 'ä😀'];
    const rows = parseCsv(csvOf({ name: 'x', columns: { n: cells.map((_, at) => at), text: cells } }));
    expect(rows.slice(1).map(row => row[1])).toEqual(cells);
  });

  test('writes what is no finite number as nothing', () => {
    const cells = [Number.NaN, Infinity, undefined, null, 0, -0.5, 1e-30, true];
    expect(csvOf({ name: 'x', columns: { cells } })).toBe(
      'cells\r\n\r\n\r\n\r\n\r\n0\r\n-0.5\r\n1e-30\r\ntrue\r\n',
    );
  });

  test('leaves out recall and error of a run that has none', () => {
    const none = new Float32Array(300).fill(Number.NaN);
    const names = Object.keys(statsTable({ ...stats, recall: none, error: none }).columns);
    expect(names).toEqual(['token', 'entropy', 'span', 'sink', 'peak']);
  });
});

describe('JSON', () => {
  test('gives back tables of numbers and texts, and what they are of', () => {
    const row = fakeRow({ layer: 1, head: 2, token: 200 }, 300, 150, 16);
    const tables = rowTables(row, 300, texts);
    const read = JSON.parse(jsonOf({ title: 'x', layer: 1 }, tables)) as {
      about: unknown;
      tables: Record<string, Record<string, unknown[]>>;
    };
    expect(read.about).toEqual({ title: 'x', layer: 1 });
    expect(read.tables['top keys']!['weight']).toEqual(row.keys.map(key => key.weight));
    expect(read.tables['top keys']!['key']).toEqual(row.keys.map(key => key.index));
    expect(Float32Array.from(read.tables['mass by distance']!['mass'] as number[])).toEqual(
      row.histogram.mass,
    );
    expect(read.tables['mass by distance']!['from']).toEqual(Array.from(row.histogram.edges.slice(0, -1)));
    expect(Float32Array.from(read.tables['pooled row']!['mass'] as number[])).toEqual(row.profile);
    expect(read.tables['figures']).toMatchObject({
      entropy: [row.entropy],
      span: [row.span],
      recall: [row.against?.recall],
    });
  });

  test('writes null for what is no finite number', () => {
    const table: Table = { name: 't', columns: { a: Float32Array.of(1, Number.NaN), b: [undefined, 'x'] } };
    expect(JSON.parse(jsonOf({}, [table]))).toEqual({
      about: {},
      tables: { t: { a: [1, null], b: [null, 'x'] } },
    });
  });
});

test('the tables of the heads name layer and head', () => {
  const values = Float32Array.from({ length: 6 }, (_, at) => at / 7);
  const means = { entropy: values, span: values, sink: values, peak: values, recall: values, error: values };
  const { columns } = overviewTable({ layers: 2, heads: 3, stats: means });
  expect(columns['layer']).toEqual([0, 0, 0, 1, 1, 1]);
  expect(columns['head']).toEqual([0, 1, 2, 0, 1, 2]);
  expect(columns['peak']).toBe(values);
  expect(rowsTable([]).columns['head']).toEqual([]);
});

describe('the pen that writes SVG', () => {
  const page = {
    measure: (_font: string, text: string) => ({ width: text.length * 6 }) as TextMetrics,
    picture: () => 'data:image/png;base64,AAAA',
  };
  const palette = paletteOf(() => '', 'vscode-light');

  function elements(svg: string): { opened: number; closed: number } {
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg" ')).toBe(true);
    expect(svg.endsWith('</svg>\n')).toBe(true);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    return { opened: svg.match(/<g /g)?.length ?? 0, closed: svg.match(/<\/g>/g)?.length ?? 0 };
  }

  test('has a rectangle of the right place and colour for every head', () => {
    const pen = new SvgPen(page);
    const layout = gridLayout(2, 3, 200);
    const values = Float32Array.of(1, 2, 3, 4, 5, Number.NaN);
    const data = { values, place: (value: number) => value / 5, text: String, selected: undefined };
    drawGrid(
      pen,
      { width: 200, height: 90 },
      layout,
      { ...data, active: undefined, focused: false },
      palette,
    );
    const svg = pen.document({ width: 200, height: 90 }, 'Heads');
    elements(svg);
    const rects = [
      ...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" fill="([^"]+)"/g),
    ];
    expect(rects).toHaveLength(6);
    rects.forEach(([, x, y, , , fill], at) => {
      expect(Number(x)).toBeCloseTo(layout.left + (at % 3) * layout.cellWidth, 2);
      expect(Number(y)).toBe(layout.top + Math.floor(at / 3) * layout.cellHeight);
      if (at < 5) expect(fill).toBe(palette.ramp.fill(values[at]! / 5));
    });
    expect([...svg.matchAll(/<text [^>]*>([^<]+)</g)].map(([, text]) => text)).toEqual([
      ...['L0', 'L1', 'H0', 'H1', 'H2'],
      ...['1', '2', '3', '4', '5'],
    ]);
  });

  test('closes what clips and moves open', () => {
    const pen = new SvgPen(page);
    pen.translate(4, 5);
    const row = fakeRow({ layer: 0, head: 1, token: 90 }, 120, 120, 8);
    const range = { start: 10, end: 110 };
    const view = { range, total: 120, text: () => 'a<b', active: 1, staleFrom: 60 };
    drawRow(pen, { width: 300, height: ROW_HEIGHT }, { row, ...view }, palette);
    const svg = pen.document({ width: 300, height: ROW_HEIGHT }, 'Row');
    const { opened, closed } = elements(svg);
    expect(opened).toBe(closed);
    expect(opened).toBeGreaterThan(2);
    const clips = [...svg.matchAll(/clip-path="url\(#(\w+)\)"/g)].map(([, id]) => id);
    for (const id of clips) expect(svg).toContain(`<clipPath id="${id}">`);
    expect(svg).toContain('a&lt;b');
    expect(svg.match(/<path d="M[^"]*A/g)!.length).toBeGreaterThanOrEqual(row.keys.length - 2);
  });

  test('writes translucent colours, dashes and arcs as they were asked for', () => {
    const pen = new SvgPen(page);
    pen.globalAlpha = 0.5;
    pen.fillStyle = 'rgba(255, 0, 0, 0.5)';
    pen.fillRect(1, 2, 3, 4);
    pen.globalAlpha = 1;
    pen.strokeStyle = '#00f';
    pen.lineWidth = 2;
    pen.setLineDash([4, 2]);
    pen.beginPath();
    pen.arc(10, 10, 5, 0, Math.PI * 2);
    pen.stroke();
    const svg = pen.document({ width: 20, height: 20 }, 'x');
    expect(svg).toContain(
      '<rect x="1" y="2" width="3" height="4" fill="rgb(255, 0, 0)" fill-opacity="0.25"/>',
    );
    expect(svg).toContain(
      '<path d="M15 10A5 5 0 0 1 5 10A5 5 0 0 1 15 10" fill="none" stroke="rgb(0, 0, 255)" stroke-width="2" stroke-dasharray="4 2"/>',
    );
  });

  test('gives a style back that was put aside', () => {
    const pen = new SvgPen(page);
    pen.fillStyle = '#111111';
    pen.save();
    pen.fillStyle = '#222222';
    pen.setLineDash([1]);
    pen.restore();
    pen.strokeRect(0, 0, 1, 1);
    expect(pen.fillStyle).toBe('#111111');
    expect(pen.document({ width: 1, height: 1 }, '')).not.toContain('dasharray');
  });

  test('writes only what XML can hold', () => {
    const pen = new SvgPen(page);
    pen.font = '11px "My Font", serif';
    pen.fillText('<script>&"\u0000\u001b\ud800 😀', 0, 0);
    const svg = pen.document({ width: 1, height: 1 }, '</title><script>');
    expect(svg).not.toContain('<script');
    expect(svg).toContain('&lt;script&gt;&amp;&quot;\ufffd\ufffd\ufffd 😀');
    expect(svg).toContain('font-size="11" font-family="&quot;My Font&quot;, serif"');
  });

  test('draws a part of an image into its box', () => {
    const asked: unknown[] = [];
    const pen = new SvgPen({
      ...page,
      picture: (_image, source) => (asked.push(source), 'data:image/png;base64,AA'),
    });
    pen.imageSmoothingEnabled = false;
    const image = { width: 8, height: 4 } as unknown as CanvasImageSource;
    pen.drawImage(image, 1, 2, 3, 4, 10, 20, 30, 40);
    pen.drawImage(image, 5, 6);
    const svg = pen.document({ width: 1, height: 1 }, '');
    expect(asked).toEqual([[1, 2, 3, 4], []]);
    expect(svg).toContain('x="10" y="20" width="30" height="40"');
    expect(svg).toContain('x="5" y="6" width="8" height="4"');
    expect(svg).toContain('image-rendering="pixelated"');
  });
});
