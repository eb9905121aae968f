import { describe, expect, it } from 'vitest';
import { CompareResults } from '../../src/extension/compareResults';
import { budgetsOf, readBudgets, readTarget, suggestedBudgets } from '../../src/extension/compareSweep';
import type { Inspection } from '../../src/extension/inspection';
import type { Change } from '../../src/extension/inspections';
import { Signal } from '../../src/extension/signal';
import { type Comparison, type CompareRequest, summaryOf } from '../../src/protocol/comparison';
import type { ParamSpec, Progress, VariantInfo } from '../../src/protocol/inspection';
import { Cancelled, Problem } from '../../src/protocol/problem';

const window: ParamSpec = { type: 'integer', default: 64, min: 1, max: 4096, help: '' };
const gamma: ParamSpec = { type: 'number', default: 0.95, min: 0, max: 1, help: '' };
const clusters: ParamSpec = { type: 'size', default: 'sqrt', min: 1, max: 4096, words: ['sqrt'], help: '' };

describe('budgets of a sweep', () => {
  it('are the numbers of a variant, without seeds and scales', () => {
    const causal: ParamSpec = { type: 'boolean', default: true, help: '' };
    const params = { window, causal, seed: window, gamma, clusters, scale: gamma };
    expect(budgetsOf({ params } as unknown as VariantInfo).map(([name]) => name)).toEqual([
      'window',
      'gamma',
      'clusters',
    ]);
  });

  it.each([
    [window, '64, 256 1024', [64, 256, 1024]],
    [window, '256,16,256', [16, 256]],
    [gamma, '0.5,0.9', [0.5, 0.9]],
    [clusters, '8 16', [8, 16]],
  ] as const)('are read in order: %o %s', (spec, text, values) => {
    expect(readBudgets(spec, text)).toEqual(values);
  });

  it.each([
    [window, '', /two values or more/],
    [window, '64', /two values or more/],
    [window, '64, many', /^many is not a whole number from 1 to 4096\.$/],
    [window, '0, 4', /^0 is not a whole number/],
    [gamma, '0.5, 1.5', /^1\.5 is not a number from 0 to 1\.$/],
    [window, Array.from({ length: 17 }, (_, at) => at + 1).join(), /at most 16 values/],
  ] as const)('that cannot be read are told: %o "%s"', (spec, text, said) => {
    expect(readBudgets(spec, text)).toMatch(said);
  });

  it('are suggested so that they can be read, and end with the document', () => {
    expect(suggestedBudgets(window, 300)).toBe('4, 16, 64, 256');
    for (const spec of [window, gamma, clusters])
      expect(Array.isArray(readBudgets(spec, suggestedBudgets(spec, 5000)))).toBe(true);
  });

  it.each([
    ['0.95', 0.95],
    ['1', 1],
  ])('%s is a share to keep', (text, value) => {
    expect(readTarget(text)).toBe(value);
  });

  it.each(['0', '1.1', 'most', ''])('"%s" is none', text => {
    expect(readTarget(text)).toMatch(/above 0 and up to 1/);
  });
});

const COMPARISON: Comparison = {
  tokens: 3,
  layers: 1,
  heads: 1,
  loss: 2,
  seconds: 1,
  keys: 2,
  memory: 32,
  layerMemory: [32],
  sweep: undefined,
  candidates: [
    {
      variant: { id: 'local', params: {} },
      problem: undefined,
      recall: Float32Array.of(0.5),
      error: Float32Array.of(0.5),
      tokenError: new Float32Array(3),
      hurt: [],
      recallTokens: 3,
      keys: 1,
      memory: 16,
      layerMemory: [16],
      seconds: 1,
      live: { loss: 2.5, lossChange: new Float32Array(3), seconds: 2 },
    },
  ],
};

function inspectionOf(id: string, text = 'text', directory = '/m'): Inspection {
  return {
    id,
    document: 'file:///a',
    name: 'a',
    text,
    summary: { model: { directory } },
  } as unknown as Inspection;
}

function setUp() {
  const progress = new Signal<Progress>();
  const changed = new Signal<Change>();
  const calls: { readonly request: CompareRequest; readonly settle: (with_: Comparison | Error) => void }[] =
    [];
  const cancelled: string[] = [];
  const state = { inspection: undefined as Inspection | undefined };
  const engine = {
    progress,
    compare: (request: CompareRequest) =>
      new Promise<Comparison>((resolve, reject) => {
        calls.push({
          request,
          settle: result => (result instanceof Error ? reject(result) : resolve(result)),
        });
      }),
    cancel: (id: string) => {
      cancelled.push(id);
      return Promise.resolve(true);
    },
  };
  const inspections = {
    changed,
    of: () => ({ inspection: state.inspection, earlier: undefined, running: undefined, problem: undefined }),
  };
  const results = new CompareResults(engine, inspections, () => ({ dispose: () => undefined }));
  return { results, calls, cancelled, progress, changed, state };
}

const CANDIDATES = { candidates: [{ id: 'local', params: {} }], live: true };
/** Lets what was resolved go on. */
const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

describe('comparisons of a document', () => {
  it('tell how far they are, and stay for the text and model whatever variant runs next', async () => {
    const { results, calls, progress } = setUp();
    const first = inspectionOf('one');
    const done = results.compare(first, CANDIDATES);
    await settled();
    const { id, of } = calls[0]!.request;
    expect(of).toBe('one');
    progress.emit({ id, fraction: 0.5, phase: 'Comparing layer 1 of 2' });
    expect(results.stateOf(first).running?.fraction).toBe(0.5);
    calls[0]!.settle(COMPARISON);
    await done;
    expect(results.stateOf(first)).toEqual({ key: id, running: undefined, problem: undefined });
    expect(results.of(inspectionOf('two'))).toBe(COMPARISON);
    expect(results.of(inspectionOf('three', 'another text'))).toBeUndefined();
    expect(results.stateOf(inspectionOf('four', 'text', '/other')).key).toBeUndefined();
  });

  it('that fail leave their sentence and the one before', async () => {
    const { results, calls } = setUp();
    const inspection = inspectionOf('one');
    const good = results.compare(inspection, CANDIDATES);
    await settled();
    calls[0]!.settle(COMPARISON);
    await good;
    const bad = results.compare(inspection, CANDIDATES);
    await settled();
    calls[1]!.settle(new Problem('Variants are compared on a model that ran with its own attention.'));
    await expect(bad).rejects.toThrow(Problem);
    expect(results.stateOf(inspection)).toMatchObject({
      key: calls[0]!.request.id,
      running: undefined,
      problem: 'Variants are compared on a model that ran with its own attention.',
    });
    const stopped = results.compare(inspection, CANDIDATES);
    await settled();
    calls[2]!.settle(new Cancelled());
    await expect(stopped).rejects.toThrow(Cancelled);
    expect(results.stateOf(inspection).problem).toBeUndefined();
  });

  it('give way to a newer one, whose end alone counts', async () => {
    const { results, calls, cancelled } = setUp();
    const inspection = inspectionOf('one');
    const older = results.compare(inspection, CANDIDATES).catch((error: unknown) => error);
    const newer = results.compare(inspection, CANDIDATES);
    await settled();
    expect(cancelled).toEqual([calls[0]!.request.id]);
    calls[0]!.settle(new Cancelled());
    expect(await older).toBeInstanceOf(Cancelled);
    expect(results.stateOf(inspection).running?.id).toBe(calls[1]!.request.id);
    calls[1]!.settle(COMPARISON);
    await newer;
    expect(results.stateOf(inspection).key).toBe(calls[1]!.request.id);
  });

  it('go with the document, and stop', async () => {
    const { results, calls, cancelled, changed, state } = setUp();
    const inspection = inspectionOf('one');
    state.inspection = inspection;
    const done = results.compare(inspection, CANDIDATES);
    await settled();
    changed.emit('data');
    expect(results.stateOf(inspection).running).toBeDefined();
    expect(cancelled).toEqual([]);
    state.inspection = undefined;
    changed.emit('data');
    expect(cancelled).toEqual([calls[0]!.request.id]);
    calls[0]!.settle(COMPARISON);
    await done;
    expect(results.stateOf(inspection).key).toBeUndefined();
  });
});

it('a summary leaves out what grows with the document', () => {
  const [candidate] = summaryOf(COMPARISON).candidates;
  expect(candidate).toMatchObject({ live: { loss: 2.5, seconds: 2 }, recall: Float32Array.of(0.5) });
  expect(candidate).not.toHaveProperty('tokenError');
  expect(candidate!.live).not.toHaveProperty('lossChange');
});
