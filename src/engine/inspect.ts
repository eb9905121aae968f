/**
 * The pipeline: load, tokenise, then layer by layer run the model over the document in blocks, with the
 * chosen variant as its attention. Each layer's queries, keys and values stay, so that any row can be
 * asked for later; memory grows with the document's length and never with its square.
 */

import type { InspectRequest } from '../protocol/engine';
import { STAT_NAMES } from '../protocol/inspection';
import { Problem } from '../protocol/problem';
import { Inspection, type LayerState } from './inspection';
import { openCheckpoint } from './model/checkpoint';
import { decoder as decoderOf } from './model/decoder';
import { embed } from './model/embedding';
import { PREDICTIONS } from './model/layers';
import { rotaryTables } from './model/rope';
import { floats, integers } from './onnx/tensor';
import type { OpenDevice } from './runtime/device';
import { checkDocument } from './text/document';
import { openTokenizer } from './text/tokenizer';
import { variantById } from './variants';
import { type Block, type Mixer, paddedLength } from './variants/primitives/mixer';
import { resolveParams } from './variants/primitives/params';
import { Workload } from './workload';

export interface Hooks {
  /** The fraction of the work done, 0 to 1, never falling. */
  progress(fraction: number, phase: string): void;
  cancelled(): boolean;
}

/** Tokens of a block outside attention. */
const BLOCK = 256;
/** Logits in memory at once. */
const MOST_LOGITS = 2 ** 24;
/** Attention scores in memory at once: a block's queries times its keys times the heads. */
const MOST_SCORES = 2 ** 22;

/** Everything up to the first multiplication. @throws Problem for input that cannot be inspected. */
export async function prepare(request: InspectRequest, device: OpenDevice): Promise<Inspection> {
  checkDocument(request.text);
  const variant = variantById(request.variant.id);
  resolveParams(variant.info.id, variant.info.params, request.variant.params);
  const checkpoint = await openCheckpoint(request.model);
  const tokenizer = await openTokenizer(checkpoint.directory, checkpoint.config.vocabSize);
  const table = tokenizer.encode(request.text);
  if (table.ids.length === 0) throw new Problem('The tokeniser makes no token of this document.');
  if (table.ids.length > request.maxTokens) {
    throw new Problem(
      `The document has ${table.ids.length} tokens, more than the limit of ${request.maxTokens}. ` +
        'Inspect a selection, or raise the limit (longsight.maxTokens).',
    );
  }
  const inspection = new Inspection({
    id: request.id,
    text: request.text,
    table,
    tokenizer,
    decoder: decoderOf(checkpoint),
    variant,
    choice: request.variant,
    device: device.info,
  });
  const { context } = checkpoint.info;
  if (table.ids.length > context) {
    inspection.notes.push(`The document is longer than the model's context of ${context} tokens.`);
  }
  return inspection;
}

/** @throws Cancelled soon after `hooks.cancelled()` turns true. */
export async function run(inspection: Inspection, { executor }: OpenDevice, hooks: Hooks): Promise<void> {
  const { tokens, subject } = inspection;
  const { decoder } = subject;
  const { info, hidden: width } = decoder;
  const workload = new Workload(tokens, decoder, hooks);
  const hidden = await embed(decoder.embedding, subject.table.ids);
  const block = ({ start, end }: Block) =>
    floats([end - start, width], hidden.subarray(start * width, end * width));

  async function project(index: number): Promise<LayerState> {
    const state = layerState(inspection, executor, index);
    const { q, k, v } = state.layer;
    const rotary = decoder.rotary(tokens);
    for (const span of blocks(tokens, BLOCK)) {
      const feeds = { hidden: block(span), ...rotaryTables(rotary, span.start, span.end) };
      const parts = await executor.run(decoder.project(index), feeds);
      keep(q, parts['q']!.data as Float32Array, span);
      keep(k, parts['k']!.data as Float32Array, span);
      keep(v, parts['v']!.data as Float32Array, span);
      await workload.linear(span, index, 0.3);
    }
    return state;
  }

  async function attend(index: number, state: LayerState, mixer: Mixer): Promise<void> {
    for (let start = 0; start < tokens;) {
      const span = { start, end: Math.min(tokens, start + blockLength(mixer, start, tokens, info.heads)) };
      const { y, stats } = await mixer.attend(span);
      const length = span.end - span.start;
      for (const name of stats === undefined ? [] : STAT_NAMES) {
        for (let head = 0; head < info.heads; head++) {
          state.stats[name].set(
            stats![name].subarray(head * length, (head + 1) * length),
            head * tokens + start,
          );
        }
      }
      const feeds = { hidden: block(span), y: floats([info.heads, length, info.headWidth], y) };
      const { next } = await executor.run(decoder.finish(index), feeds);
      hidden.set(next!.data as Float32Array, start * width);
      await workload.attended(span, index, mixer);
      start = span.end;
    }
  }

  async function score(): Promise<void> {
    const length = Math.max(1, Math.min(BLOCK, Math.floor(MOST_LOGITS / info.vocabulary)));
    for (const span of blocks(tokens, length)) {
      const { ids } = subject.table;
      const targets = Int32Array.from(
        { length: span.end - span.start },
        (_, b) => ids[span.start + b + 1] ?? 0,
      );
      const feeds = { hidden: block(span), targets: integers([targets.length, 1], targets) };
      const results = await executor.run(decoder.score, feeds);
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

  for (let index = 0; index < info.layers; index++) {
    const state = await project(index);
    const mixer = await subject.variant.open(state.layer, subject.choice.params);
    state.mixer = mixer;
    inspection.layers.push(state);
    workload.planned(mixer);
    await attend(index, state, mixer);
  }
  await score();
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
      q: floats([heads, padded, headWidth]),
      k: floats([keyValueHeads, padded, headWidth]),
      v: floats([keyValueHeads, padded, headWidth]),
      units: unit => inspection.units(unit),
      tensors: {},
    },
    mixer: undefined,
    stats: { entropy: unknown(), span: unknown(), sink: unknown(), peak: unknown() },
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

function* blocks(tokens: number, length: number): Generator<Block> {
  for (let start = 0; start < tokens; start += length) yield { start, end: Math.min(tokens, start + length) };
}

/** As many queries as keep the block's scores within bounds, from 16 to `BLOCK`. */
function blockLength(mixer: Mixer, start: number, tokens: number, heads: number): number {
  const last = Math.min(tokens, start + BLOCK);
  const keys = mixer.cost({ start, end: last }) / (last - start);
  let length = BLOCK;
  while (length > 16 && length * keys * heads > MOST_SCORES) length /= 2;
  return length;
}
