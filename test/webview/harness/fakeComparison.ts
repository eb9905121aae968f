/** A made-up comparison of variants, with one that could not run, and a sweep of windows. */

import type {
  CandidateSummary,
  ComparisonSummary,
  HeadKind,
  SweepResult,
} from '../../../src/protocol/comparison';
import type { VariantChoice } from '../../../src/protocol/inspection';
import { HEADS, LAYERS, noise } from './fakeDocument';

const CANDIDATES: readonly (readonly [VariantChoice, recall: number, keys: number])[] = [
  [{ id: 'local', params: {} }, 0.71, 0.05],
  [{ id: 'local', params: { window: 1024, sinks: 4 } }, 0.93, 0.16],
  [{ id: 'strided', params: {} }, 0.64, 0.09],
  [{ id: 'block-topk', params: { keep: 32 } }, 0.95, 0.13],
  [{ id: 'topk', params: { k: 64 } }, 0.99, 1],
  [{ id: 'segmented', params: {} }, 0.82, 0.11],
];

const WINDOWS = [16, 64, 256, 1024];

export function fakeComparison(tokens: number, isSweep: boolean): ComparisonSummary {
  const dense = tokens / 2;
  const swept = WINDOWS.map((window, at): (typeof CANDIDATES)[number] => [
    { id: 'local', params: { window } },
    0.5 + 0.14 * at,
    Math.min(1, (2 * window) / tokens + 0.02),
  ]);
  const candidates = (isSweep ? swept : CANDIDATES).map(([variant, recall, keys], at) =>
    candidateOf(variant, at, { recall, keys: keys * dense, tokens, live: !isSweep }),
  );
  const broken: CandidateSummary = {
    ...candidates[0]!,
    variant: { id: 'probsparse', params: { factor: 0 } },
    problem: "'factor' of 'probsparse' takes a whole number from 1 to 4096; found 0.",
    hurt: [],
  };
  return {
    tokens,
    layers: LAYERS,
    heads: HEADS,
    loss: 2.514,
    seconds: 1.9,
    keys: dense,
    ...memoryOf(tokens),
    candidates: isSweep ? candidates : [...candidates, broken],
    sweep: isSweep ? fakeSweep() : undefined,
  };
}

function candidateOf(
  variant: VariantChoice,
  seed: number,
  of: { readonly recall: number; readonly keys: number; readonly tokens: number; readonly live: boolean },
): CandidateSummary {
  const heads = Array.from({ length: LAYERS * HEADS }, (_, at) =>
    Math.min(1, of.recall + 0.5 * (1 - of.recall) * (2 * noise(seed, at) - 1)),
  );
  const recall = Float32Array.from(heads);
  const rise = (1 - of.recall) * 0.8 - 0.006;
  return {
    variant,
    problem: undefined,
    recall,
    error: recall.map(value => 0.9 * (1 - value)),
    hurt: Array.from({ length: 12 }, (_, place) => ({
      token: Math.floor(noise(seed, place, 3) * of.tokens),
      error: 0.5 / (1 + place * 0.2),
      lossChange: of.live ? 4 / (1 + place * 0.3) : undefined,
    })),
    recallTokens: seed === 5 ? Math.min(48, of.tokens) : of.tokens,
    keys: of.keys,
    ...memoryOf(Math.round(2 * of.keys)),
    seconds: 0.2 + (of.keys / of.tokens) * 4,
    live: of.live ? { loss: 2.514 + rise, seconds: 3.1 + seed } : undefined,
  };
}

/** Of so many tokens in every layer, with one key-value head of 32 + 32 numbers. */
function memoryOf(tokens: number): Pick<ComparisonSummary, 'memory' | 'layerMemory'> {
  const layer = tokens * 64 * 4;
  return { memory: LAYERS * layer, layerMemory: new Array<number>(LAYERS).fill(layer) };
}

function fakeSweep(): SweepResult {
  const kinds: readonly HeadKind[] = ['local', 'local', 'retrieving', 'sink'];
  return {
    id: 'local',
    param: 'window',
    target: 0.9,
    values: WINDOWS,
    budgets: Array.from({ length: LAYERS * HEADS }, (_, at) => {
      const step = Math.floor(noise(at, 11) * (WINDOWS.length + 1));
      return {
        layer: Math.floor(at / HEADS),
        head: at % HEADS,
        value: WINDOWS[step],
        recall: step < WINDOWS.length ? 0.9 + 0.1 * noise(at) : 0.8,
        kind: kinds[Math.floor(noise(at, 5) * 4)]!,
      };
    }),
    schedule: {
      mode: 'live',
      layers: 'all',
      others: [{ layers: '0', variant: { id: 'local', params: { window: 256 } } }],
    },
  };
}
