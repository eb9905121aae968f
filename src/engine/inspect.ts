/**
 * The pipeline: load, tokenise, then layer by layer run the model over the document in blocks, with the
 * chosen variant as its attention. Each layer's queries, keys and values stay, so that any row can be
 * asked for later; memory grows with the document's length and never with its square.
 */

import type { InspectRequest } from '../protocol/engine';
import { attendLayer, BLOCK, sampleStats } from './attention';
import { Inspection, type LayerState, ownMixer } from './inspection';
import { openCheckpoint } from './model/checkpoint';
import { decoder as decoderOf } from './model/decoder';
import { PREDICTIONS } from './model/layers';
import { rotaryTables } from './model/rope';
import { openRowWriter } from './model/writeRows';
import type { Program } from './onnx/graph';
import { floats, integers } from './onnx/tensor';
import type { OpenDevice } from './runtime/device';
import { chosenVariant, nativeAttention, scheduleLayers, standIns } from './schedule';
import { copyLayer, copyScores, keptTokens } from './reuse';
import { readSource } from './source';
import type { TensorStore } from './tensorStore';
import { type Block, paddedLength } from './variants/primitives/mixer';
import { Workload } from './workload';

export interface Hooks {
  /** The fraction of the work done, 0 to 1, never falling. */
  progress(fraction: number, phase: string): void;
  cancelled(): boolean;
}

/** Logits in memory at once. */
const MOST_LOGITS = 2 ** 24;

/** Everything up to the first multiplication. @throws Problem for input that cannot be inspected. */
export async function prepare(
  request: InspectRequest,
  device: OpenDevice,
  store: TensorStore,
): Promise<Inspection> {
  const checkpoint = await openCheckpoint(request.model);
  const decoder = decoderOf(checkpoint);
  const { layers: count, vocabulary, context } = decoder.info;
  const own = Array.from({ length: count }, (_, layer) => nativeAttention(decoder.attention(layer)));
  const layers = scheduleLayers(request, own);
  const source = await readSource(request, checkpoint.directory, vocabulary);
  const inspection = new Inspection({
    id: request.id,
    source,
    decoder,
    stamp: checkpoint.stamp,
    choice: chosenVariant(request.variant, own),
    schedule: request.schedule,
    layers,
    own,
    device: device.info,
    logits: request.logits,
    store,
  });
  if (inspection.tokens > context) {
    inspection.note([`The document is longer than the model's context of ${context} tokens.`]);
  }
  if (decoder.score === undefined)
    inspection.note(['The model does not predict the next token: it has no loss.']);
  return inspection;
}

/**
 * @param earlier an inspection whose leading tokens are taken over where they are the same.
 * @throws Cancelled soon after `hooks.cancelled()` turns true.
 */
export async function run(
  inspection: Inspection,
  { executor }: OpenDevice,
  hooks: Hooks,
  earlier?: Inspection,
): Promise<void> {
  const { tokens, subject } = inspection;
  const { decoder } = subject;
  const { info, hidden: width } = decoder;
  const kept = keptTokens(inspection, earlier);
  inspection.kept = kept;
  const workload = new Workload({ start: kept, end: tokens }, decoder, hooks);
  const { table } = subject.source;
  const hidden = await decoder.embed(table.ids, executor);
  const headLength = Math.max(1, Math.min(BLOCK, Math.floor(MOST_LOGITS / info.vocabulary)));
  const block = ({ start, end }: Block) =>
    floats([end - start, width], hidden.subarray(start * width, end * width));

  async function project(index: number): Promise<LayerState> {
    const state = layerState(inspection, executor, index);
    const { q, k, v } = state.layer;
    if (kept > 0) copyLayer(state, earlier!.layers[index]!, kept);
    const rotary = decoder.rotary(tokens, index);
    for (const span of blocks(kept, tokens, BLOCK)) {
      const feeds = { hidden: block(span), ...rotaryTables(rotary, span.start, span.end) };
      const parts = await executor.run(decoder.project(index), feeds);
      keep(q, parts['q']!.data as Float32Array, span);
      keep(k, parts['k']!.data as Float32Array, span);
      keep(v, parts['v']!.data as Float32Array, span);
      await workload.linear(span, index, 0.3);
    }
    return state;
  }

  async function score(program: Program): Promise<void> {
    if (earlier !== undefined) copyScores(inspection, earlier, kept, PREDICTIONS);
    for (const span of blocks(kept, tokens, headLength)) {
      const targets = Int32Array.from(
        { length: span.end - span.start },
        (_, b) => table.ids[span.start + b + 1] ?? 0,
      );
      const feeds = { hidden: block(span), targets: integers([targets.length, 1], targets) };
      const results = await executor.run(program, feeds);
      const losses = results['loss']!.data as Float32Array;
      const kept = losses.subarray(0, Math.min(losses.length, tokens - 1 - span.start));
      inspection.losses.set(kept, span.start + 1);
      keepPredictions(
        inspection,
        span,
        results['prediction']!.data as BigInt64Array,
        results['logProbability']!.data as Float32Array,
      );
      await workload.scored(span);
    }
  }

  async function writeLast(path: string): Promise<void> {
    const { program, output } = decoder.last;
    const writer = await openRowWriter(path, output, [tokens, output === 'logits' ? info.vocabulary : width]);
    try {
      for (const span of blocks(0, tokens, headLength)) {
        const { last } = await executor.run(program, { hidden: block(span) });
        await writer.write(last!.data as Float32Array);
        await workload.pause();
      }
    } finally {
      await writer.close();
    }
  }

  for (let index = 0; index < info.layers; index++) {
    const state = await project(index);
    const mixer = await state.attention.variant.open(state.layer, state.attention.choice.params);
    const own = subject.schedule.mode === 'shadow' ? await ownMixer(state, mixer) : undefined;
    state.mixer = mixer;
    inspection.layers.push(state);
    inspection.note(standIns(state.attention.variant.info, state.layer.tensors));
    const mixers = own === undefined || own === mixer ? [mixer] : [mixer, own];
    workload.planned(mixers);
    await attendLayer(state, { mixer, own, from: kept }, async (span, y) => {
      const length = span.end - span.start;
      const feeds = { hidden: block(span), y: floats([info.heads, length, info.headWidth], y) };
      const { next } = await executor.run(decoder.finish(index), feeds);
      hidden.set(next!.data as Float32Array, span.start * width);
      await workload.attended(span, index, mixers);
    });
    const sampled = await sampleStats(state, mixer, () => workload.pause());
    if (sampled > 0 && sampled < tokens) inspection.note([sampledNote(state, sampled)]);
    await subject.store.settle();
  }
  if (decoder.score !== undefined) await score(decoder.score);
  if (subject.logits !== undefined) await writeLast(subject.logits);
  inspection.finish();
}

function layerState(inspection: Inspection, executor: OpenDevice['executor'], index: number): LayerState {
  const { tokens, heads, subject } = inspection;
  const { keyValueHeads, headWidth, layers } = subject.decoder.info;
  const padded = paddedLength(tokens);
  const unknown = () => new Float32Array(heads * tokens).fill(NaN);
  return {
    layer: {
      tokens,
      executor,
      index,
      count: layers,
      q: subject.store.tensor([heads, padded, headWidth]),
      k: subject.store.tensor([keyValueHeads, padded, headWidth]),
      v: subject.store.tensor([keyValueHeads, padded, headWidth]),
      units: unit => inspection.units(unit),
      tensors: {},
    },
    attention: inspection.subject.layers[index]!,
    own: inspection.subject.own[index]!,
    mixer: undefined,
    ownMixer: undefined,
    stats: { entropy: unknown(), span: unknown(), sink: unknown(), peak: unknown(), error: unknown() },
  };
}

/** Writes a block `[H, B, D]` into its place in `[H, P, D]`. */
function keep(
  { shape, data }: { shape: readonly number[]; data: Float32Array },
  part: Float32Array,
  span: Block,
): void {
  const [heads, padded, width] = shape as [number, number, number];
  const size = (span.end - span.start) * width;
  for (let head = 0; head < heads; head++) {
    data.set(part.subarray(head * size, (head + 1) * size), (head * padded + span.start) * width);
  }
}

function keepPredictions(inspection: Inspection, span: Block, ids: BigInt64Array, logs: Float32Array): void {
  const found = ids.length / (span.end - span.start);
  ids.forEach((id, at) => {
    const place = (span.start + Math.floor(at / found)) * PREDICTIONS + (at % found);
    inspection.predictions[place] = Number(id);
    inspection.logProbabilities[place] = logs[at]!;
  });
}

function* blocks(from: number, to: number, length: number): Generator<Block> {
  for (let start = from; start < to; start += length) yield { start, end: Math.min(to, start + length) };
}

function sampledNote({ attention }: LayerState, count: number): string {
  return `${attention.variant.info.title} forms no rows while it runs: its statistics are those of ${count} evenly spaced tokens a head. Rows asked for are exact.`;
}
