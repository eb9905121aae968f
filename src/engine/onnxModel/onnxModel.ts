/**
 * A model exported to ONNX: its attention is found in the graph, and the graph is run once over a document with
 * queries, keys and values as its outputs.
 */

import { totalmem } from 'node:os';
import { basename } from 'node:path';

import { Problem } from '../../protocol/problem';
import { Tensor_DataType } from '../onnx/onnx_pb';
import { sizeOf } from '../onnx/tensor';
import { doneShare } from './cost';
import { readInputs } from './feeds';
import { findFused } from './fused';
import { countOperators, GraphIndex } from './graphIndex';
import {
  computeLayers,
  type Exported,
  type ExportedLayer,
  feedsOf,
  type GraphRun,
  type Output,
} from './graphRun';
import { loadGraph } from './loadGraph';
import { type ModelFile, readModelFile } from './modelFile';
import type { Site } from './site';
import { openGraph } from './surgery';
import { findVisible } from './visible';
import { vocabularyOf } from './vocabulary';

export interface OnnxModel {
  readonly path: string;
  readonly stamp: string;
  /** Real paths of all that the model is read from. */
  readonly files: readonly string[];
  /** As `12 MatMul-Softmax-MatMul`. */
  readonly found: string;
  /** Layers as a short probe gives them: for their heads and widths. */
  readonly layers: readonly ExportedLayer[];
  readonly parameters: number;
  /** Numbers of weights that every token is multiplied with. */
  readonly weights: number;
  /** How many ids there are, where the graph says so. */
  readonly vocabulary: number | undefined;
  /** Tokens that the graph takes at most, on this machine. */
  readonly most: number;
  /** Sentences on what was found and not understood. */
  readonly notes: readonly string[];
  /**
   * Runs the graph over a document; nothing can be run afterwards. The layers are those of the probe.
   *
   * @param wanted whether logits or hidden states are asked for.
   * @param told hears of the share of the arithmetic that is done, wherever the graph could be cut.
   * @throws Problem for more tokens than the graph takes, and where the runtime fails.
   */
  run(ids: Int32Array, wanted: boolean, told: (share: number) => void): Promise<Exported>;
  release(): Promise<void>;
}

/** Tokens of the first run, which tells shapes. */
const PROBE = 12;
/** Bytes that a run may take. */
const MOST_BYTES = Math.min(2 ** 33, totalmem() / 2);
/** Arrays of all tokens against all that a graph holds at a time: scores, masked, weights, as measured. */
const COPIES = 8;

/** @throws Problem naming what is no ONNX model, or what was looked for and what was found. */
export async function openOnnxModel(path: string): Promise<OnnxModel> {
  const file = await readModelFile(path);
  const index = new GraphIndex(file.graph);
  const inputs = readInputs(file.graph, index, path);
  const sites = sitesOf(file, index);
  const vocabulary = vocabularyOf(index, inputs.ids);
  const output = resultTap(file, vocabulary);
  const { model, asks } = openGraph(file, sites, output === undefined ? [] : [output.tap]);
  const isHalf = computesInHalf(file);
  const probe = Int32Array.from({ length: inputs.length ?? PROBE }, (_, at) => at % (vocabulary ?? 2));
  const { session, parts } = await loadGraph(model, file, { sites, feeds: feedsOf({ inputs, asks }, probe) });
  const run: GraphRun = { path, inputs, asks, sites, output, isHalf, session };
  const { stamp, files } = file;
  const missed = missedNotes(file, sites);
  try {
    const { layers, used, leftOut, result } = await computeLayers(run, probe, true);
    if (layers.length === 0) {
      throw new Problem(
        `In ${path}, none of the ${sites.length} places that look like attention is one over the tokens of the document: ${leftOut.join('; ')}.`,
      );
    }
    const most = Math.min(inputs.length ?? Infinity, mostTokens(layers, result?.width ?? 0));
    return {
      path,
      stamp,
      files,
      found: countKinds(used),
      layers,
      parameters: parametersOf(file),
      weights: parts.reduce((sum, part) => sum + part.weights, 0),
      vocabulary: vocabulary ?? (result?.kind === 'logits' ? result.width : undefined),
      most,
      notes: [...leftOut.map(what => `Left out of the layers: ${what}.`), ...missed],
      async run(ids, wanted, told) {
        checkLength(path, ids.length, most, inputs.length);
        const computed = await computeLayers({ ...run, sites: used }, ids, wanted, {
          isLast: true,
          done: part => told(doneShare(parts, part, layers, ids.length)),
        });
        const [lost] = computed.leftOut;
        if (lost === undefined) return computed;
        throw new Problem(
          `In ${path}, what was attention in a short text is none in this document: ${lost}.`,
        );
      },
      release: () => run.session.release(),
    };
  } catch (error) {
    await run.session.release();
    throw error;
  }
}

/** In the order of the graph. */
function sitesOf({ graph, path }: ModelFile, index: GraphIndex): readonly Site[] {
  const order = new Map(graph.node.flatMap((node, at) => node.output.map(value => [value, at] as const)));
  const at = ({ truth }: Site) => order.get(truth.tap.value) ?? 0;
  const sites = [...findVisible(index), ...findFused(index)].sort((a, b) => at(a) - at(b));
  for (const { name, refusal } of sites) {
    if (refusal === undefined) continue;
    throw new Problem(`In ${path}, ${name} ${refusal}, which Longsight does not compute.`);
  }
  if (sites.length > 0) return sites;
  const branches = graph.node.some(({ opType }) => ['If', 'Loop', 'Scan'].includes(opType));
  throw new Problem(
    `No attention was found in ${path}: looked for MatMul, Softmax, MatMul in a row (or Einsum for either product) and for MultiHeadAttention, GroupQueryAttention and Attention nodes; found ${countOperators(graph.node)}.` +
      (branches
        ? ' What is inside If, Loop and Scan is not looked at: export the model without branches, such as a decoder without merged past.'
        : ''),
  );
}

/** On softmaxes and nodes of attention that were not understood. */
function missedNotes({ graph }: ModelFile, sites: readonly Site[]): readonly string[] {
  const known = new Set(sites.map(({ truth }) => truth.tap.value));
  const missed = graph.node.filter(
    ({ opType, output }) => /Attention$|Softmax$/.test(opType) && !known.has(output[0]!),
  );
  if (missed.length === 0) return [];
  return [
    `Not among the layers, since what stands around them is no attention that Longsight knows: ${countOperators(missed)}.`,
  ];
}

/** Logits by their name, else the last hidden states, else the first output that is no past. */
function resultTap({ graph }: ModelFile, vocabulary: number | undefined): Output | undefined {
  const patterns = [
    ['logits', /logits/i],
    ['hidden', /^last_hidden_state$/i],
    ['hidden', /hidden_state/i],
    [undefined, /^(?!present|past)/i],
  ] as const;
  for (const [kind, pattern] of patterns) {
    const value = graph.output.find(({ name }) => pattern.test(name))?.name;
    if (value !== undefined) return { kind, tap: { value, extract: 'whole' }, vocabulary };
  }
  return undefined;
}

function mostTokens(layers: readonly ExportedLayer[], resultWidth: number): number {
  const heads = Math.max(...layers.map(({ q }) => q.heads));
  const linear = layers.reduce((sum, { q, v }) => sum + 2 * q.heads * (2 * q.width + v.width), resultWidth);
  const square = COPIES * heads;
  // square · n² + linear · n floats fill the memory.
  return Math.floor((Math.sqrt(linear ** 2 + square * MOST_BYTES) - linear) / (2 * square));
}

function checkLength(path: string, tokens: number, most: number, fixed: number | undefined): void {
  if (fixed !== undefined && tokens !== fixed) {
    throw new Problem(
      `${path} takes exactly ${fixed} tokens; the document has ${tokens}. Export it with a dynamic axis for the tokens.`,
    );
  }
  if (tokens <= most) return;
  throw new Problem(
    `The document has ${tokens} tokens. An exported graph forms scores of all tokens against all, so ${basename(path)} runs over at most ${most} tokens in ${(MOST_BYTES / 2 ** 30).toFixed(1)} GiB. Inspect a selection, or the checkpoint that was exported, which has no such limit.`,
  );
}

function computesInHalf({ graph }: ModelFile): boolean {
  const half: readonly Tensor_DataType[] = [Tensor_DataType.FLOAT16, Tensor_DataType.BFLOAT16];
  return graph.initializer.some(({ dims, dataType }) => dims.length > 1 && half.includes(dataType));
}

function parametersOf({ graph }: ModelFile): number {
  return graph.initializer.reduce((sum, { dims }) => sum + sizeOf(dims.map(Number)), 0);
}

function countKinds(sites: readonly Site[]): string {
  const kinds = new Map<string, number>();
  for (const { kind } of sites) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  return [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ');
}
