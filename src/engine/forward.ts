/** The forward pass of a model around its attention: hidden states in memory, a block at a time through the graphs. */

import { BLOCK } from './attention';
import type { Inspection } from './inspection';
import type { Decoder } from './model/decoder';
import { PREDICTIONS } from './model/layers';
import { rotaryTables } from './model/rope';
import { openRowWriter } from './model/writeRows';
import type { Executor, Program } from './onnx/graph';
import { floats, integers } from './onnx/tensor';
import { blocks, type Pass } from './pass';
import { copyHeads, copyScores } from './reuse';
import { type Block, paddedLength } from './variants/primitives/mixer';
import type { Workload } from './workload';

interface ForwardOptions {
  readonly executor: Executor;
  readonly workload: Workload;
  /** How many leading tokens are taken over from `earlier`. */
  readonly kept: number;
  readonly earlier: Inspection | undefined;
}

/** Logits in memory at once. */
const MOST_LOGITS = 2 ** 24;
/** The share of a layer's work outside attention that comes before it. */
const BEFORE = 0.3;

export async function forwardPass(
  inspection: Inspection,
  decoder: Decoder,
  { executor, workload, kept, earlier }: ForwardOptions,
): Promise<Pass> {
  const { tokens, subject } = inspection;
  const { info, hidden: width } = decoder;
  const { table } = subject.source;
  const hidden = await decoder.embed(table.ids, executor);
  const headLength = Math.max(1, Math.min(BLOCK, Math.floor(MOST_LOGITS / info.vocabulary)));
  const block = ({ start, end }: Block) =>
    floats([end - start, width], hidden.subarray(start * width, end * width));

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
      const known = losses.subarray(0, Math.min(losses.length, tokens - 1 - span.start));
      inspection.losses.set(known, span.start + 1);
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
    } catch (error) {
      await writer.discard();
      throw error;
    }
    await writer.finish();
  }

  return {
    async layer(index) {
      const padded = paddedLength(tokens);
      const tensor = (heads: number) => subject.store.tensor([heads, padded, info.headWidth]);
      const [q, k, v] = [tensor(info.heads), tensor(info.keyValueHeads), tensor(info.keyValueHeads)];
      const cap = decoder.attention(index).softcap;
      const layer = {
        tokens,
        executor,
        index,
        count: info.layers,
        q,
        k,
        v,
        units: inspection.units,
        tensors: {},
        ...(cap === undefined ? {} : { position: { softcap: cap } }),
      };
      if (kept > 0) copyHeads(layer, earlier!.layers[index]!.layer, kept);
      const rotary = decoder.rotary(tokens, index);
      for (const span of blocks(kept, tokens, BLOCK)) {
        const feeds = { hidden: block(span), ...rotaryTables(rotary, span.start, span.end) };
        const parts = await executor.run(decoder.project(index), feeds);
        for (const name of ['q', 'k', 'v'] as const) {
          keep(layer[name], parts[name]!.data as Float32Array, span);
        }
        await workload.linear(span, index, BEFORE);
      }
      return layer;
    },

    async feed(index, span, y) {
      const feeds = {
        hidden: block(span),
        y: floats([info.heads, span.end - span.start, info.headWidth], y),
      };
      const { next } = await executor.run(decoder.finish(index), feeds);
      hidden.set(next!.data as Float32Array, span.start * width);
      await workload.linear(span, index, 1 - BEFORE);
    },

    async finish() {
      if (decoder.score !== undefined) await score(decoder.score);
      if (subject.logits !== undefined) await writeLast(subject.logits);
    },
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
