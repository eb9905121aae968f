import { describe, expect, test } from 'vitest';
import { seriesOf } from '../../src/engine/analysis/series';
import type { Row, Structure } from '../../src/protocol/inspection';
import { keyNear } from '../../webview/draw/arcs';
import { axisOf } from '../../webview/draw/axis';
import { binAt, binText, drawBars } from '../../webview/draw/bars';
import { drawGrid, gridLayout, headAt } from '../../webview/draw/grid';
import { contiguous, depthsOf, drawIcicle, icicleLayout, nodeAt } from '../../webview/draw/icicle';
import { paletteOf } from '../../webview/draw/palette';
import { drawRibbon, heightOf } from '../../webview/draw/ribbon';
import { drawRow } from '../../webview/draw/row';
import { fakeRow, fakeStructure } from './harness/fakeDocument';
import { penOf } from './harness/pen';

const palette = paletteOf(() => '', 'vscode-dark');

describe('grid', () => {
  test.each([
    [4, 6, 280],
    [32, 32, 280],
    [1, 1, 600],
  ])('every one of %d x %d heads at %d px is found under its middle', (layers, heads, width) => {
    const layout = gridLayout(layers, heads, width);
    for (let layer = 0; layer < layers; layer++) {
      for (let head = 0; head < heads; head++) {
        const x = layout.left + (head + 0.5) * layout.cellWidth;
        const y = layout.top + (layer + 0.5) * layout.cellHeight;
        expect(headAt(layout, x, y)).toEqual({ layer, head });
      }
    }
    expect(headAt(layout, 2, layout.top + 1)).toBeUndefined();
    expect(headAt(layout, layout.left + 1, 2)).toBeUndefined();
  });

  test('a cell shows its value, one not computed yet shows none', () => {
    const { pen, texts } = penOf();
    const values = Float32Array.of(1, 2.5, Number.NaN, 4);
    drawGrid(
      pen,
      { width: 300, height: 100 },
      gridLayout(2, 2, 300),
      {
        values,
        place: value => value / 4,
        text: String,
        selected: undefined,
        active: undefined,
        focused: false,
      },
      palette,
    );
    expect(texts).toEqual(['L0', 'L1', 'H0', 'H1', '1', '2.5', '4']);
  });
});

describe('row', () => {
  const row = fakeRow({ layer: 1, head: 2, token: 700 }, 1000, 250, 16);

  test('every top key that stands apart from the token has its arc', () => {
    const { pen, calls } = penOf();
    const range = { start: 0, end: 1000 };
    drawRow(
      pen,
      { width: 500, height: 160 },
      { row, range, total: 1000, text: () => 'x', active: undefined, staleFrom: undefined },
      palette,
    );
    const axis = axisOf(range, 1000, 500);
    const apart = row.keys.filter(key => Math.abs(axis.x(key.index) - axis.x(row.token)) >= 2);
    expect(calls.filter(call => call === 'ellipse')).toHaveLength(apart.length);
  });

  test('the key nearest to a point is found by its foot', () => {
    const axis = axisOf({ start: 0, end: 1000 }, 1000, 4000);
    row.keys.forEach((key, place) => {
      expect(keyNear(row, axis, axis.x(key.index + 0.5), 50)).toBe(place);
    });
    expect(keyNear(row, axis, axis.x(990), 50)).toBeUndefined();
  });

  test('a row of one token, of no mass, or at any zoom draws without failing', () => {
    const empty: Row = { ...row, token: 0, keys: [], span: 0, profile: new Float32Array(4) };
    for (const shown of [row, empty, fakeRow({ layer: 0, head: 0, token: 0 }, 1, 1, 16)]) {
      for (const range of [
        { start: 0, end: 1000 },
        { start: 690, end: 710 },
      ]) {
        const { pen, wrong } = penOf();
        drawRow(
          pen,
          { width: 280, height: 160 },
          { row: shown, range, total: 1000, text: () => undefined, active: 0, staleFrom: 650 },
          palette,
        );
        expect(wrong).toEqual([]);
      }
    }
  });
});

describe('distances', () => {
  const histogram = {
    edges: Int32Array.of(0, 1, 2, 4, 8, 2048),
    mass: Float32Array.of(0.1, 0.2, 0.3, 0.4, 0),
  };

  test('bins name their distances', () => {
    expect([0, 1, 2, 3, 4].map(bin => binText(histogram, bin))).toEqual(['0', '1', '2–3', '4–7', '8–2,047']);
    expect([0, 59, 60, 299].map(x => binAt(histogram, 300, x))).toEqual([0, 0, 1, 4]);
    expect(binAt(histogram, 300, 300)).toBeUndefined();
  });

  test('the greatest bin is labelled with its mass', () => {
    const { pen, texts, wrong } = penOf();
    drawBars(pen, { width: 300, height: 90 }, histogram, undefined, palette);
    expect(texts[0]).toBe('40.0 %');
    expect(wrong).toEqual([]);
  });
});

describe('ribbon', () => {
  test('spans rise with their logarithm, other statistics in proportion', () => {
    const spans = heightOf(100, true);
    expect(spans(10) - spans(1)).toBeCloseTo(spans(100) - spans(10), 9);
    const shares = heightOf(0.8, false);
    expect(shares(0.4)).toBeCloseTo(0.5, 6);
  });

  test('the selected token’s value stands beside its marker, at any length', () => {
    for (const total of [1, 200, 20_000]) {
      const { pen, texts, wrong } = penOf();
      const values = Float32Array.from({ length: total }, (_, token) => token + 1);
      const token = Math.floor(total / 2);
      const text = (value: number): string => `value ${value}`;
      const range = { start: 0, end: total };
      const step = Math.max(1, Math.ceil(total / 250));
      const ref = { layer: 0, head: 0, stat: 'span', tokens: range, step, greatest: 1 } as const;
      const pieces = [seriesOf(values, ref)];
      const data = { pieces, range, total, most: total, token, value: token + 1, hover: 0 };
      drawRibbon(
        pen,
        { width: 300, height: 108 },
        { ...data, logarithmic: true, text, staleFrom: undefined },
        palette,
      );
      expect(texts).toContain(`value ${token + 1}`);
      expect(texts).toContain(`max value ${total}`);
      expect(wrong).toEqual([]);
    }
  });
});

describe('ribbon of pooled tokens', () => {
  const range = { start: 0, end: 201 };
  const values = new Float32Array(201).fill(5);
  const pieces = [seriesOf(values, { layer: 0, head: 0, stat: 'span', tokens: range, step: 2, greatest: 1 })];
  const drawn = (token: number, value: number) => {
    const recorded = penOf();
    drawRibbon(
      recorded.pen,
      { width: 300, height: 108 },
      {
        pieces,
        range,
        total: 201,
        most: 5,
        token,
        value,
        hover: undefined,
        logarithmic: true,
        text: count => `${count} tokens`,
        staleFrom: undefined,
      },
      palette,
    );
    return recorded;
  };

  test('the last cell has a range and a mean as the others, though it holds one token', () => {
    expect(drawn(0, 5).calls.filter(call => call === 'fillRect')).toHaveLength(2 * 101);
  });

  test('the greatest value is named at every token, and a value that is not known is not', () => {
    for (let token = 0; token < 201; token++) {
      expect(drawn(token, 5).texts.filter(text => text.startsWith('max 5 tokens'))).toHaveLength(1);
    }
    expect(drawn(100, 5).texts).toContain('5 tokens');
    expect(drawn(100, Number.NaN).texts).toEqual([
      'max 5 tokens, log scale',
      'token 0',
      '50',
      '100',
      '150',
      '200',
    ]);
  });
});

describe('icicle', () => {
  const row = fakeRow({ layer: 1, head: 2, token: 700 }, 1000, 1000, 16);
  const structure = fakeStructure('segmented', 1000, row);
  const depths = depthsOf(structure);

  test('depths follow parents', () => {
    structure.nodes.forEach((node, at) => {
      expect(depths.of[at]).toBe(node.parent < 0 ? 0 : depths.of[node.parent]! + 1);
    });
    expect(depths.count).toBe(2);
    expect(depthsOf({ title: '', nodes: [], total: 0 }).count).toBe(0);
  });

  test('boxes of one depth tile the document, and each is found under its middle', () => {
    const axis = axisOf({ start: 0, end: 1000 }, 1000, 4000);
    const boxes = icicleLayout(structure, depths, axis);
    for (const depth of [0, 1]) {
      const band = boxes.filter(box => box.depth === depth);
      const width = band.reduce((sum, box) => sum + box.width, 0);
      expect(width).toBeCloseTo(axis.right - axis.left, 6);
    }
    for (const box of boxes) {
      expect(nodeAt(boxes, structure.nodes, box.x + box.width / 2, box.depth * 24 + 12)).toBe(box.node);
    }
  });

  test('only what is in view has a box', () => {
    const axis = axisOf({ start: 401, end: 420 }, 1000, 400);
    const names = icicleLayout(structure, depths, axis).map(box => structure.nodes[box.node]!);
    expect(names.length).toBeGreaterThan(0);
    for (const { ranges } of names) {
      expect(ranges[0]).toBeLessThan(420);
      expect(ranges[1]).toBeGreaterThan(401);
    }
  });

  test('sets that are scattered over the document are no icicle', () => {
    expect(contiguous(structure)).toBe(true);
    expect(contiguous(fakeStructure('lsh', 1000, row))).toBe(false);
  });

  test('draws nodes whose mass is not known', () => {
    const bare: Structure = fakeStructure('segmented', 1000, undefined);
    const { pen, wrong, texts } = penOf();
    drawIcicle(
      pen,
      { width: 900, height: 80 },
      { structure: bare, depths, range: { start: 0, end: 1000 }, total: 1000, token: 5, active: 0 },
      palette,
    );
    expect(texts).toContain('paragraph 1');
    expect(wrong).toEqual([]);
  });
});
