/** The plain forward pass of a model, without statistics, over attention of the caller's. */

import { floats, type FloatTensor } from '../src/engine/onnx/tensor';
import { openCheckpoint } from '../src/engine/model/checkpoint';
import { type Decoder, decoder as decoderOf } from '../src/engine/model/decoder';
import { rotaryTables } from '../src/engine/model/rope';
import { createExecutor, type OrtExecutor } from '../src/engine/runtime/executor';
import { openTokenizer } from '../src/engine/text/tokenizer';
import { longText } from './longText';
import { model } from './paths';

export interface Forward {
  readonly executor: OrtExecutor;
  readonly decoder: Decoder;
  /** `[N]` */
  readonly ids: Int32Array;
}

/** `q [H, B, D], k [G, B, D], v [G, B, D]` of the tokens `start … start + B - 1`. */
export interface Projected {
  readonly q: FloatTensor;
  readonly k: FloatTensor;
  readonly v: FloatTensor;
}

/** `y [H, B, D]` of the next block of a layer; blocks come in order. */
export type Attention = (layer: number, start: number, projected: Projected) => Promise<FloatTensor>;

/** The bundled model and a document of `tokens` tokens. */
export async function openForward(tokens: number): Promise<Forward> {
  const checkpoint = await openCheckpoint(model);
  const tokenizer = await openTokenizer(checkpoint.directory, checkpoint.config.vocabSize);
  const { ids } = tokenizer.encode(await longText(tokens));
  return { executor: createExecutor('cpu'), decoder: decoderOf(checkpoint), ids };
}

/** Runs every layer over the document, `block` tokens at a time. Returns the last hidden states `[N, M]`. */
export async function runForward(
  { executor, decoder, ids }: Forward,
  block: number,
  attend: Attention,
): Promise<Float32Array> {
  const { hidden: width, info } = decoder;
  const tokens = ids.length;
  const hidden = await decoder.embed(ids, executor);
  for (let layer = 0; layer < info.layers; layer++) {
    const rotary = decoder.rotary(tokens, layer);
    for (let start = 0; start < tokens; start += block) {
      const end = Math.min(tokens, start + block);
      const rows = floats([end - start, width], hidden.subarray(start * width, end * width));
      const tables = rotaryTables(rotary, start, end);
      const projected = await executor.run(decoder.project(layer), { hidden: rows, ...tables });
      const y = await attend(layer, start, projected as unknown as Projected);
      const { next } = await executor.run(decoder.finish(layer), { hidden: rows, y });
      hidden.set(next!.data as Float32Array, start * width);
    }
  }
  return hidden;
}

/** Logits held at once. */
const MOST_LOGITS = 2 ** 24;

/** Runs the model's head over the last hidden states `[N, M]`, and drops what comes of it. */
export async function runLogits({ executor, decoder }: Forward, hidden: Float32Array): Promise<void> {
  const { hidden: width, info, last } = decoder;
  const tokens = hidden.length / width;
  const block = Math.max(1, Math.floor(MOST_LOGITS / info.vocabulary));
  for (let start = 0; start < tokens; start += block) {
    const end = Math.min(tokens, start + block);
    const rows = floats([end - start, width], hidden.subarray(start * width, end * width));
    await executor.run(last.program, { hidden: rows });
  }
}
