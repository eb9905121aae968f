import { describe, expect, it } from 'vitest';
import { compareTable } from '../../src/extension/compareTable';
import { comparisonText } from '../../src/extension/comparisonText';
import { hoverText, type HoverContent } from '../../src/extension/hoverText';
import {
  code,
  codeCell,
  commandLink,
  percent,
  plain,
  shorten,
  showBlanks,
} from '../../src/extension/markdown';
import { statusLine, statusTooltip } from '../../src/extension/statusText';
import type { CandidateResult } from '../../src/protocol/comparison';
import type { InspectionSummary, Row } from '../../src/protocol/inspection';

const summary: InspectionSummary = {
  id: 'x#1',
  model: {
    name: 'lab_base',
    directory: '/m',
    architecture: 'llama',
    layers: 2,
    heads: 2,
    keyValueHeads: 1,
    headWidth: 8,
    vocabulary: 100,
    parameters: 1000,
    context: 64,
  },
  variant: { id: 'local', params: { window: 8 } },
  schedule: { mode: 'shadow', layers: '1', others: [] },
  layerVariants: [
    { id: 'dense', params: {} },
    { id: 'local', params: { window: 8 } },
  ],
  device: { name: 'cpu', precision: 'float32', fallback: undefined },
  weights: 'float',
  tokens: 1234,
  kept: 0,
  layers: 2,
  heads: 2,
  loss: 2.512345,
  seconds: 1.23,
  notes: [],
};

function row(layer: number, head: number): Row {
  return {
    layer,
    head,
    token: 9,
    entropy: 1.5,
    span: 7,
    sink: 0.25,
    peak: 0.5,
    mass: 0.75,
    keys: [
      { index: 2, weight: 0.5 },
      { index: 8, weight: 0.25 },
    ],
    admitted: 10,
    distribution: true,
    histogram: { edges: Int32Array.of(0, 1), mass: Float32Array.of(1) },
    profile: new Float32Array(0),
    against: undefined,
  };
}

const content: HoverContent = {
  document: 'file:///a%20b(1).md',
  token: 9,
  summary,
  selection: { layer: 1, head: 0, token: 9, pinned: false },
  staleFrom: undefined,
  detail: {
    token: 9,
    id: 77,
    text: ' `a|b`\n',
    piece: 'Ġ`a|b`Ċ',
    loss: 2,
    predictions: [{ id: 5, text: '|', logProbability: Math.log(0.5) }],
    path: ['Document', 'Para[1](x)'],
  },
  row: row(1, 0),
  textOf: token => (token === 2 ? 'x|y' : ' the'),
};

describe('document text in Markdown', () => {
  it('shows blanks and control characters', () => {
    expect(showBlanks('a b\tc\r\nd\ne\u0007')).toBe('a·b⇥c⏎d⏎e␦');
  });

  it('cannot leave its code span', () => {
    expect(code('a`b')).toBe('``a`b``');
    expect(code('``')).toBe('``` `` ```');
    expect(codeCell('a|b')).toBe('`a\\|b`');
    expect(code('')).toBe('*empty*');
  });

  it('cannot become a link, an image, an icon or HTML', () => {
    expect(plain('[x](command:y) <b> $(sync) ![i](u)\n# h')).toBe(
      '\\[x\\]\\(command\\:y\\) \\<b\\> \\$\\(sync\\) \\!\\[i\\]\\(u\\) \\# h',
    );
  });

  it('is shortened in the middle by whole characters', () => {
    expect(shorten('abcdefgh', 8)).toBe('abcdefgh');
    expect(shorten('abcdefghi', 5)).toBe('ab…hi');
    expect(shorten('😀😀😀😀😀😀', 3)).toBe('😀…😀');
    expect([...shorten('y'.repeat(1e6), 32)]).toHaveLength(32);
  });

  it('gives links whose arguments cannot end them', () => {
    const link = commandLink('go', 'longsight.x', 'file:///a(1).md', 3);
    const query = /^\[go\]\(command:longsight\.x\?([^()]*)\)$/.exec(link)![1]!;
    expect(JSON.parse(decodeURIComponent(query))).toEqual(['file:///a(1).md', 3]);
  });

  it('gives percentages with about three digits', () => {
    expect([0.5, 0.05, 0.005, -0.2, NaN].map(percent)).toEqual([
      '50.0 %',
      '5.00 %',
      '0.500 %',
      '-20.0 %',
      '–',
    ]);
  });
});

describe('a hover', () => {
  it('holds a row against dense where that is known', () => {
    const against = { recall: 0.5, error: 0.125, entropy: 2, span: 90, sink: 0.1, missed: [] };
    expect(hoverText({ ...content, row: { ...row(1, 0), against } })).toContain(
      'against dense: recall 50.0 %, output error 12.5 %',
    );
    expect(hoverText(content)).not.toContain('against dense');
  });

  it('tells token, loss, predictions, row, path and links', () => {
    const text = hoverText(content);
    expect(text).toContain('**Token 9** of 1,234');
    expect(text).toContain('id 77');
    expect(text).toContain('Loss 2.00 nats (probability 13.5 %)');
    expect(text).toContain('`|` 50.0 %');
    expect(text).toContain('span 7 tokens · entropy 1.50 nats · sink 25.0 %');
    expect(text).toContain('| `x\\|y` | 2 | 7 | 50.0 % |');
    expect(text).toContain('| `·the` | 8 | 1 | 25.0 % |');
    expect(text).toContain('Segment: Document › Para\\[1\\]\\(x\\)');
    expect(text).toContain('[Pin this token](command:longsight.pinTokenAt?');
    expect(text).not.toContain('Inspect again');
  });

  it('says when it is stale, and offers to inspect again', () => {
    expect(hoverText({ ...content, staleFrom: 9 })).toContain(
      '[Inspect again](command:longsight.inspectAgain?',
    );
    expect(hoverText({ ...content, staleFrom: 10 })).not.toContain('Inspect again');
  });

  it('offers to unpin the pinned token', () => {
    expect(hoverText({ ...content, selection: { ...content.selection, pinned: true } })).toContain('[Unpin]');
  });

  it('says what is missing: a layer not computed, a first token', () => {
    expect(hoverText({ ...content, row: undefined })).toContain('Layer 1, head 0 is not computed yet');
    const detail = { ...content.detail, loss: undefined, predictions: [] };
    expect(hoverText({ ...content, detail })).toContain('nothing before it');
  });
});

describe('the comparison of layers', () => {
  const text = compareTable({
    name: 'a_b.md',
    summary,
    token: 9,
    rows: [row(1, 1), row(0, 1), row(1, 0), row(0, 0)],
    textOf: () => 'x|y',
  });

  it('has one line a head, in order', () => {
    const lines = text.split('\n').filter(line => /^\| +\d/.test(line));
    expect(lines.map(line => line.split('|').slice(1, 3).map(Number))).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
  });

  it('lines its columns up and keeps bars inside their cells', () => {
    const lines = text.split('\n').filter(line => line.startsWith('|'));
    expect(new Set(lines.map(line => line.length)).size).toBe(1);
    expect(lines.at(-1)).toContain('`x\\|y`');
  });
});

describe('the status bar', () => {
  const none = {
    summary: undefined,
    running: undefined,
    staleFrom: undefined,
    problem: undefined,
    selection: undefined,
  };

  it('hides without anything to say', () => {
    expect(statusLine(none)).toBeUndefined();
  });

  it('names model, variant, device, tokens and time', () => {
    expect(statusLine({ ...none, summary })).toBe(
      '$(telescope) lab_base · local in shadow · cpu · 1,234 tokens · 1.2 s',
    );
    const schedule = { ...summary.schedule, mode: 'live' } as const;
    expect(statusLine({ ...none, summary: { ...summary, schedule } })).toContain('· local · cpu');
    expect(statusLine({ ...none, summary, staleFrom: 3 })).toContain('stale');
    const device = { name: 'webgpu', precision: 'float16', fallback: undefined } as const;
    expect(statusLine({ ...none, summary: { ...summary, device } })).toContain('· webgpu · float16 ·');
    expect(statusTooltip({ ...none, summary: { ...summary, device } })).toContain(
      '| Precision | float16 in attention |',
    );
  });

  it('counts up while a run goes on, whatever was there before', () => {
    expect(
      statusLine({ ...none, summary, running: { id: 'x', fraction: 0.509, phase: 'Layer 1' } }),
    ).toContain('50 %');
  });

  it('explains itself', () => {
    const device = {
      name: 'cpu',
      precision: 'float32',
      fallback: 'webgpu was asked for; no adapter.',
    } as const;
    const text = statusTooltip({ ...none, summary: { ...summary, device }, staleFrom: 3 });
    expect(text).toContain('2.512 nats a token');
    expect(text).toContain('no adapter');
    expect(text).toContain('tokens from 3 on are stale');
    expect(text).toContain('local \\(window 8\\)');
  });
});

describe('a comparison of variants', () => {
  const result = (id: string, change: number): CandidateResult => ({
    variant: { id, params: { window: 8 } },
    problem: undefined,
    recall: Float32Array.of(0.9, 0.7, 0.5, 0.3),
    error: Float32Array.of(0.1, 0.1, 0.3, 0.3),
    tokenError: Float32Array.of(0, 0.4, 0.2),
    recallTokens: 3,
    hurt: [{ token: 2, error: 0.2, lossChange: change * 3 }],
    keys: 12.4,
    memory: 12_345,
    layerMemory: [12_000, 345],
    seconds: 1.26,
    live: { loss: 2.5 + change, lossChange: Float32Array.of(NaN, -1, change * 3), seconds: 2 },
  });
  const broken: CandidateResult = { ...result('topk', 0), problem: 'It takes k | more.', live: undefined };
  const text = comparisonText({
    name: 'a|b.md',
    model: 'lab_base',
    comparison: {
      tokens: 3,
      layers: 2,
      heads: 2,
      loss: 2.5,
      seconds: 1,
      keys: 64,
      memory: 1_048_576,
      layerMemory: [524_288, 524_288],
      sweep: undefined,
      candidates: [result('local', 0.25), broken],
    },
    textOf: token => ['x|y', ' the', '\n'][token]!,
  });

  it('tells recall, error, loss and its change, a layer, and the tokens that are hurt', () => {
    expect(text).toContain(
      '| local \\(window 8\\) | 60.0 % | 20.0 % | 12 | 12.3 kB | 2.750 | +0.250 | 1.3 |',
    );
    expect(text).toContain("1.05 MB with the model's own attention");
    expect(text).toContain('| local \\(window 8\\) | 80.0 % | 40.0 % |');
    expect(text).toContain('| local \\(window 8\\) | 12 kB | 345 B |');
    expect(text).toContain('| local \\(window 8\\) | `⏎` 2 |');
  });

  it('tells in a sentence what could not be compared', () => {
    expect(text).toContain('| topk \\(window 8\\) | – | – | – | – | – | – | – |');
    expect(text).toContain('topk \\(window 8\\): It takes k \\| more\\.');
  });
});
