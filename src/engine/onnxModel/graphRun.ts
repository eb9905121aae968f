/** One run of a graph over token ids: its attention as layers, each held against what the graph itself computed. */

import { Problem } from '../../protocol/problem';
import type { NativeAttention } from '../model/decoder';
import type { Feeds } from '../onnx/graph';
import { floats, type FloatTensor, sizeOf } from '../onnx/tensor';
import type { ModelSession, RunOptions } from '../runtime/modelSession';
import type { Inputs } from './feeds';
import { Misfit, withoutCopies } from './heads';
import type { OffsetBias } from './offsetBias';
import { findAttention } from './ownAttention';
import type { Projections, Site, Taken, Tap } from './site';
import { COLUMN, outputName, ROWS, tapsOf } from './surgery';

export interface ExportedLayer extends Projections {
  /** The node of the graph. */
  readonly name: string;
  readonly attention: NativeAttention;
  /** What the graph adds to its scores by distance. */
  readonly bias: OffsetBias | undefined;
}

/** What the graph gives besides: logits `[N, V]`, or hidden states `[N, M]`. */
export interface Result {
  readonly kind: 'logits' | 'hidden';
  readonly width: number;
  readonly data: Float32Array;
}

export interface Exported {
  readonly layers: readonly ExportedLayer[];
  readonly result: Result | undefined;
}

export interface Output {
  /** Undefined where its name does not tell: as wide as the vocabulary, it holds logits. */
  readonly kind: Result['kind'] | undefined;
  readonly tap: Tap;
  readonly vocabulary: number | undefined;
}

/** What a run needs of an opened graph. */
export interface GraphRun {
  readonly path: string;
  readonly inputs: Inputs;
  readonly asks: readonly string[];
  readonly sites: readonly Site[];
  readonly output: Output | undefined;
  readonly isHalf: boolean;
  readonly session: ModelSession;
}

/** Queries whose rows are held against the graph's own. */
const CHECKED = 16;

/** What the graph is fed for a document, of all that `asks` names too. */
export function feedsOf({ inputs, asks }: Pick<GraphRun, 'inputs' | 'asks'>, ids: Int32Array): Feeds {
  const rows = spaced(ids.length);
  const extra: Feeds = {
    [ROWS]: { type: 'int64', shape: [rows.length], data: BigInt64Array.from(rows, BigInt) },
    [COLUMN]: floats([ids.length, 1]),
  };
  return { ...inputs.feeds(ids), ...Object.fromEntries(asks.map(name => [name, extra[name]!])) };
}

/**
 * @param wanted whether the graph's result is asked for.
 * @throws Problem where the runtime fails, and for attention that cannot be told.
 */
export async function computeLayers(
  run: GraphRun,
  ids: Int32Array,
  wanted: boolean,
  options: RunOptions = {},
) {
  const { path, sites, output, isHalf, session } = run;
  const rows = spaced(ids.length);
  const names = new Set(
    [...sites.flatMap(tapsOf), ...(wanted && output ? [output.tap] : [])].map(outputName),
  );
  let results: Readonly<Record<string, FloatTensor>>;
  try {
    results = (await session.run(feedsOf(run, ids), [...names], options)) as Record<string, FloatTensor>;
  } catch (error) {
    throw new Problem(`ONNX Runtime cannot run ${path} over ${ids.length} tokens: ${shortened(error)}.`);
  }
  const layers: ExportedLayer[] = [];
  const used: Site[] = [];
  const leftOut: string[] = [];
  for (const site of sites) {
    try {
      layers.push(layerOf(site, results, { path, rows, isHalf, tokens: ids.length }));
      used.push(site);
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
      leftOut.push(`${site.name} ${error.message}`);
    }
  }
  const result =
    wanted && output ? resultOf(output, results[outputName(output.tap)]!, ids.length) : undefined;
  return { layers, used, leftOut, result };
}

interface Sampled extends Pick<GraphRun, 'path' | 'isHalf'> {
  /** Queries whose rows were taken. */
  readonly rows: readonly number[];
  readonly tokens: number;
}

/** @throws Misfit for what is no attention over the tokens, Problem for one that cannot be told. */
function layerOf(
  site: Site,
  results: Readonly<Record<string, FloatTensor>>,
  { path, rows, tokens, isHalf }: Sampled,
): ExportedLayer {
  const take = (tap: Tap) => results[outputName(tap)]!;
  const taken: Taken = Object.fromEntries(Object.entries(site.taps).map(([role, tap]) => [role, take(tap)]));
  const { q, k, v } = site.assemble(taken);
  for (const [name, { heads, tokens: length, width }] of Object.entries({ q, k, v })) {
    if (length !== tokens || heads < 1 || width < 1) {
      throw new Misfit(
        `has ${name} of ${heads} heads, ${length} tokens and width ${width} for ${tokens} tokens`,
      );
    }
  }
  if (k.width !== q.width || q.heads % k.heads !== 0 || q.heads % v.heads !== 0) {
    throw new Misfit(`has ${q.heads}, ${k.heads} and ${v.heads} heads of widths ${q.width} and ${k.width}`);
  }
  const parts = { q, ...withoutCopies(k, v) };
  const evidence = {
    rows,
    truth: take(site.truth.tap),
    mask: site.mask && take(site.mask),
    softcap: site.softcap(taken),
    isHalf,
  };
  const { attention, bias, found } = findAttention(site, parts, evidence);
  if (attention !== undefined) return { name: site.name, attention, bias, ...parts };
  throw new Problem(
    `In ${path}, ${site.name} does not attend in a way that Longsight can lay variants over: ${found}.`,
  );
}

function resultOf(
  { kind, vocabulary }: Output,
  { shape, data }: FloatTensor,
  tokens: number,
): Result | undefined {
  const [rows, width] = shape.slice(-2);
  const isByToken = rows === tokens && width !== undefined && sizeOf(shape) === tokens * width;
  const told = kind ?? (width === vocabulary ? 'logits' : 'hidden');
  return isByToken ? { kind: told, width, data } : undefined;
}

/** Evenly spaced, the first and the last among them. */
function spaced(tokens: number): readonly number[] {
  const count = Math.min(CHECKED, tokens);
  return Array.from({ length: count }, (_, at) =>
    count === 1 ? 0 : Math.round((at * (tokens - 1)) / (count - 1)),
  );
}

/** The first line of an error of the runtime, without its file paths and codes. */
export function shortened(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n')[0]!.slice(0, 300).replace(/\.$/, '');
}
