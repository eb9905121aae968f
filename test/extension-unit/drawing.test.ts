import { describe, expect, it } from 'vitest';
import { firstHead } from '../../src/extension/firstHead';
import { Latest } from '../../src/extension/latest';
import { STEPS, strengths } from '../../src/extension/strength';
import type { HeadRef } from '../../src/protocol/inspection';

describe('strengths', () => {
  it('scale to the strongest key outside the sink', () => {
    const keys = [
      { index: 0, weight: 0.9 },
      { index: 50, weight: 0.04 },
      { index: 51, weight: 0.01 },
      { index: 52, weight: 0.0001 },
    ];
    expect(strengths(keys)).toEqual([STEPS, STEPS, STEPS / 2, 0]);
  });

  it('scale to the sink where there is nothing else', () => {
    expect(
      strengths([
        { index: 0, weight: 1 },
        { index: 1, weight: 0.01 },
      ]),
    ).toEqual([STEPS, 1]);
  });

  it('take signed weights by size, and none at all', () => {
    expect(
      strengths([
        { index: 9, weight: -2 },
        { index: 8, weight: 2 },
      ]),
    ).toEqual([STEPS, STEPS]);
    expect(strengths([{ index: 9, weight: 0 }])).toEqual([0]);
    expect(strengths([])).toEqual([]);
  });
});

describe('the first head', () => {
  const oneLayer = (peak: number[], sink: number[], span: number[]): HeadRef => {
    const stats = {
      entropy: new Float32Array(peak.length),
      peak: Float32Array.from(peak),
      sink: Float32Array.from(sink),
      span: Float32Array.from(span),
      recall: new Float32Array(peak.length).fill(NaN),
      error: new Float32Array(peak.length).fill(NaN),
    };
    return firstHead({ layers: 1, heads: peak.length, stats });
  };

  it('reaches far, off the sink, and is neither all on one key nor spread evenly', () => {
    expect(oneLayer([0.5, 0.5], [0, 0], [2, 200])).toEqual({ layer: 0, head: 1 });
    expect(oneLayer([0.5, 0.5], [0.9, 0], [200, 200])).toEqual({ layer: 0, head: 1 });
    expect(oneLayer([0.999, 0.5, 0.001], [0, 0, 0], [200, 200, 200])).toEqual({ layer: 0, head: 1 });
    expect(oneLayer([NaN, 0.5], [0, 0], [200, 200])).toEqual({ layer: 0, head: 1 });
  });

  it('lies deep, other things being equal', () => {
    const same = new Float32Array(6).fill(0.5);
    const stats = { entropy: same, peak: same, sink: same, span: same, recall: same, error: same };
    expect(firstHead({ layers: 3, heads: 2, stats })).toEqual({ layer: 2, head: 0 });
  });

  it('is the first of all where nothing is known', () => {
    const none = new Float32Array(4).fill(NaN);
    expect(
      firstHead({
        layers: 2,
        heads: 2,
        stats: { entropy: none, peak: none, sink: none, span: none, recall: none, error: none },
      }),
    ).toEqual({
      layer: 0,
      head: 0,
    });
  });
});

describe('the latest of many requests', () => {
  const wait = (milliseconds: number): Promise<void> =>
    new Promise(resolve => setTimeout(resolve, milliseconds));

  it('is worked on once a burst and once more after what came meanwhile, one at a time', async () => {
    let runs = 0;
    let inFlight = 0;
    let most = 0;
    const latest = new Latest(5, async () => {
      runs += 1;
      most = Math.max(most, ++inFlight);
      await wait(60);
      inFlight -= 1;
    });
    for (let request = 0; request < 10; request++) latest.ask();
    await wait(30);
    expect(runs).toBe(1);
    for (let request = 0; request < 10; request++) latest.ask();
    await wait(200);
    expect(runs).toBe(2);
    expect(most).toBe(1);
    latest.dispose();
  });

  it('is dropped when disposed', async () => {
    let runs = 0;
    const latest = new Latest(5, () => {
      runs += 1;
      return Promise.resolve();
    });
    latest.ask();
    latest.dispose();
    latest.ask();
    await wait(30);
    expect(runs).toBe(0);
  });
});
