/** The forward pass of a model around its attention: hidden states in memory, a block at a time through the graphs. */

import { BLOCK } from './attention';
import type { Inspection } from './inspection';
import type { Decoder } from './model/decoder';
import { PREDICTIONS } from './model/layers';
import { rotaryTables } from './model/rope';
import { openRowWriter } from './model/writeRows';
import type { Executor, Feeds, Program } from './onnx/graph';
import { floats, integers } from './onnx/tensor';
import { keepBlock, layerTensors } from './layerTensors';
import { blocks, type Pass } from './pass';
import { copyHeads, copyScores, copyTokens } from './reuse';
import type { Block, Layer, LayerHeads } from './variants/primitives/mixer';
import { chunkOf } from './variants/primitives/scan';
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
  const { source, globals } = subject;
  const { table } = source;
  const hidden = await decoder.embed(table.ids, executor);
  const headLength = Math.max(1, Math.min(BLOCK, Math.floor(MOST_LOGITS / info.vocabulary)));
  const block = ({ start, end }: Block) =>
    floats([end - start, width], hidden.subarray(start * width, end * width));
  const overlap = decoder.overlap ?? 0;
  let current: Layer | undefined;

  /** What follows was found from tokens that each layer saw `overlap` further back. */
  const first = (index: number) => Math.max(0, kept - overlap * (info.layers - 1 - index));

  /** A block with the tokens before it that `project` reads with it. */
  function projected(span: Block): Feeds {
    if (overlap === 0) return { hidden: block(span) };
    const length = overlap + span.end - span.start;
    const start = Math.max(0, span.start - overlap);
    const absent = length - (span.end - start);
    const feeds = { hidden: floats([length, width]), present: floats([length, 1]) };
    feeds.hidden.data.set(block({ start, end: span.end }).data, absent * width);
    feeds.present.data.fill(1, absent);
    return feeds;
  }

  async function score(program: Program): Promise<void> {
    if (earlier !== undefined) copyScores(inspection, earlier, kept, PREDICTIONS);
    for (const span of blocks(kept, tokens, headLength)) {
      const targets = Int32Array.from(
        { length: span.end - span.start },
        (_, b) => table.ids[span.start + b + 1] ?? 0,
      );
      const feeds = { hidden: block(span), targets: integers([targets.length, 1], targets) };
      const results = await executor.run(perToken(program), feeds);
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
        const { last } = await executor.run(perToken(program), { hidden: block(span) });
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
      const { heads, own: tensors, ofTokens, keepOwn } = layerTensors(decoder, index, tokens, subject.store);
      const fill = async (to: LayerHeads, program: Program, span: Block, feeds: Feeds) => {
        const parts = await executor.run(overlap === 0 ? perToken(program) : program, feeds);
        for (const name of ['q', 'k', 'v'] as const) {
          keepBlock(to[name], parts[name]!, span);
        }
        return parts;
      };
      const { projectGlobals } = decoder;
      const own = globals && projectGlobals && { heads: heads(), program: projectGlobals(index) };
      const cap = decoder.attention(index).softcap;
      const layer: Layer = {
        tokens,
        executor,
        index,
        count: info.layers,
        ...heads(),
        units: inspection.units,
        tensors: globals === undefined ? tensors : { ...tensors, global: globals },
        ...(own && { globals: own.heads }),
        ...(cap === undefined ? {} : { position: { softcap: cap } }),
      };
      if (kept > 0) {
        const { layer: before } = earlier!.layers[index]!;
        copyHeads(layer, before, kept);
        for (const [name, to] of Object.entries(ofTokens)) copyTokens(to, before.tensors[name]!, kept);
      }
      const rotary = decoder.rotary(tokens, index);
      for (const span of blocks(first(index), tokens, BLOCK)) {
        const feeds = { ...projected(span), ...rotaryTables(rotary, span.start, span.end) };
        keepOwn(await fill(layer, decoder.project(index), span, feeds), span);
        if (own) await fill(own.heads, own.program, span, { hidden: block(span) });
        await workload.linear(span, index, BEFORE);
      }
      current = layer;
      return layer;
    },

    first,

    async feed(index, span, y) {
      const length = span.end - span.start;
      const values = () => chunkOf(current!.v, info.heads, span.start, span.end, length);
      const feeds = {
        hidden: block(span),
        y: floats([info.heads, length, info.headWidth], y),
        ...(decoder.finishReads === 'values' && { v: values() }),
      };
      const { next } = await executor.run(perToken(decoder.finish(index)), feeds);
      hidden.set(next!.data as Float32Array, span.start * width);
      await workload.linear(span, index, 1 - BEFORE);
    },

    async finish() {
      if (decoder.score !== undefined) await score(decoder.score);
      if (subject.logits !== undefined) await writeLast(subject.logits);
    },
  };
}

/** A stage that takes each of the block's tokens for itself. */
function perToken(program: Program): Program {
  return { ...program, independentAlong: 'B' };
}

function keepPredictions(inspection: Inspection, span: Block, ids: BigInt64Array, logs: Float32Array): void {
  const found = ids.length / (span.end - span.start);
  ids.forEach((id, at) => {
    const place = (span.start + Math.floor(at / found)) * PREDICTIONS + (at % found);
    inspection.predictions[place] = Number(id);
    inspection.logProbabilities[place] = logs[at]!;
  });
}
