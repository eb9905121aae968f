/**
 * An exported ONNX model over a document: run once when it is opened, in a process of its own; its layers then
 * stand like those of a dump.
 */

import { realpath, rm } from 'node:fs/promises';
import { resolve } from 'node:path';

import type { InspectRequest } from '../../protocol/engine';
import type { ModelInfo } from '../../protocol/inspection';
import { Problem } from '../../protocol/problem';
import { takeOver } from './exportedNumbers';
import type { GraphOutline, LayerOutline } from './graphApi';
import { type GraphListener, GraphProcess } from './graphProcess';
import { readBeside } from '../onnxModel/besideFile';
import { attentionCost } from '../onnxModel/cost';
import type { ReadyModel } from '../ready';
import { nativeAttention, scheduleLayers } from '../schedule';
import { readSource } from '../source';
import type { TensorStore } from '../tensorStore';
import { wholeAttention } from '../workload';

/** Where a graph does not say how many ids it knows. */
const ANY_ID = 2 ** 31 - 1;
/** Nodes that a message names for each number of heads. */
const NAMED = 4;

const BIAS_NOTE = 'The model adds a bias by distance to its scores; it was read off what the graph computes.';

/** What opening a graph needs beside the request. */
export interface Opening {
  /** Takes the layers. */
  readonly store: TensorStore;
  readonly listener: GraphListener;
  /** The bundle that runs graphs. */
  readonly graphProgram: string;
}

const UNHEARD: GraphListener = { progress: () => undefined, cancelled: () => false };

/** What an ONNX file holds; as strict as `openExported`, since shapes and masks are told by running it. */
export async function describeExported(path: string, graphProgram: string): Promise<ModelInfo> {
  const graph = new GraphProcess(graphProgram, path, UNHEARD);
  try {
    return await describe(await graph.open());
  } finally {
    graph.end();
  }
}

/**
 * @param path of the ONNX file.
 * @throws Problem for a graph that cannot be inspected, and a document that it cannot run over.
 * @throws Cancelled soon after the listener says so.
 */
export async function openExported(
  path: string,
  request: InspectRequest,
  { store, listener, graphProgram }: Opening,
): Promise<ReadyModel> {
  const numbers = store.scratch();
  const graph = new GraphProcess(graphProgram, path, listener);
  try {
    const opened = await graph.open();
    const info = await describe(opened);
    // Told before the graph runs over the document: a wrong variant is the smaller thing to mend.
    scheduleLayers(
      request,
      opened.layers.map(({ attention }) => nativeAttention(attention)),
    );
    const { logits } = request;
    if (logits !== undefined) await checkTarget(logits, opened);
    const { directory } = await readBeside(path);
    const source = await readSource(request, directory, info.vocabulary);
    const { ids } = source.table;
    const work = opened.weights * ids.length + attentionCost(opened.layers, ids.length);
    const share = work / (work + wholeAttention(info, { start: 0, end: ids.length }));
    const ran = await graph.run({ ids, numbers, result: logits !== undefined }, share);
    // Its memory is wanted for what comes.
    graph.end();
    const layers = await takeOver(numbers, ran, { store, listener, share, logits, path });
    return {
      info,
      source,
      stamp: opened.stamp,
      own: ran.layers.map(({ attention }) => attention),
      choice: undefined,
      notes: notesOf(opened, ran.scores !== undefined, ids.length > info.context),
      scores: ran.scores,
      work,
      layer: async index => ({
        ...layers[index]!,
        tokens: ids.length,
        index,
        count: layers.length,
        units: undefined,
        tensors: {},
      }),
    };
  } finally {
    graph.end();
    // A process that dies with gigabytes takes a while: nobody waits for it.
    void graph.ended.then(() => rm(numbers, { force: true })).catch(() => undefined);
  }
}

async function describe({ path: given, layers, ...graph }: GraphOutline): Promise<ModelInfo> {
  const { parameters, vocabulary = ANY_ID, found, most } = graph;
  const path = resolve(given);
  const { name, context = most } = await readBeside(path);
  const first = layers[0]!;
  checkHeads(path, layers);
  return {
    name,
    directory: path,
    architecture: `ONNX, ${found}`,
    layers: layers.length,
    heads: first.q.heads,
    keyValueHeads: first.k.heads,
    headWidth: first.q.width,
    vocabulary,
    parameters,
    context: Math.min(context, most),
  };
}

/** @throws Problem where layers differ in their number of heads. */
function checkHeads(path: string, layers: readonly LayerOutline[]): void {
  const names = new Map<number, string[]>();
  for (const { name, q } of layers) names.set(q.heads, [...(names.get(q.heads) ?? []), name]);
  if (names.size === 1) return;
  const counts = [...names].map(([heads, all]) => {
    const listed =
      all.length > NAMED
        ? `${all.slice(0, NAMED).join(', ')} and ${all.length - NAMED} more`
        : all.join(', ');
    return `${heads} in ${listed}`;
  });
  throw new Problem(
    `The layers of ${path} differ in their number of heads: ${counts.join('; ')}. An inspection has as many in every layer; dump queries, keys and values of the layers that agree, and inspect the dump.`,
  );
}

function notesOf(
  { found, notes, layers }: GraphOutline,
  isScored: boolean,
  isLong: boolean,
): readonly string[] {
  return [
    `The model is an exported graph, with attention as ${found}: it ran once as it is, and what a variant attends does not feed back into it.`,
    ...notes,
    ...(layers.some(({ bias }) => bias !== undefined) ? [BIAS_NOTE] : []),
    ...(isScored ? [] : ['The model does not predict the next token: it has no loss.']),
    ...(isLong ? ["The document is longer than the model's context."] : []),
  ];
}

/** @throws Problem where what is written would take the place of the model. */
async function checkTarget(target: string, { files }: GraphOutline): Promise<void> {
  const real = await realpath(target).catch(() => undefined);
  if (real === undefined || !files.includes(real)) return;
  throw new Problem(`${target} holds the model; choose another file for the logits.`);
}
