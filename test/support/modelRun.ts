/** A model run from end to end with its own attention, stage by stage, for the tests of architectures. */

import { openCheckpoint } from '../../src/engine/model/checkpoint';
import { type Decoder, decoder } from '../../src/engine/model/decoder';
import { rotaryTables } from '../../src/engine/model/rope';
import { type FloatTensor, floats } from '../../src/engine/onnx/tensor';
import type { OrtExecutor } from '../../src/engine/runtime/executor';
import { variantById } from '../../src/engine/variants';
import { type Layer, type Mixer, paddedLength } from '../../src/engine/variants/primitives/mixer';

export interface ModelRun {
  readonly decoder: Decoder;
  /** Logits `[N * V]` or hidden states `[N * M]`. */
  readonly last: Float32Array;
  /** Row `query` of a head's attention, spread over the document. */
  row(layer: number, head: number, query: number): Promise<Float64Array>;
}

export async function runModel(folder: string, ids: Int32Array, executor: OrtExecutor): Promise<ModelRun> {
  const model = decoder(await openCheckpoint(folder));
  const { heads, keyValueHeads, headWidth, layers } = model.info;
  const N = ids.length;
  const mixers: Mixer[] = [];
  let hidden = await model.embed(ids, executor);
  for (let index = 0; index < layers; index++) {
    const state = floats([N, model.hidden], hidden);
    const tables = rotaryTables(model.rotary(N, index), 0, N);
    const parts = await executor.run(model.project(index), { hidden: state, ...tables });
    const { causal, window, softcap } = model.attention(index);
    const layer: Layer = {
      ...{ tokens: N, executor, index, count: layers, units: undefined, tensors: {} },
      q: padded(parts['q'] as FloatTensor, heads, N, headWidth),
      k: padded(parts['k'] as FloatTensor, keyValueHeads, N, headWidth),
      v: padded(parts['v'] as FloatTensor, keyValueHeads, N, headWidth),
      ...(softcap === undefined ? {} : { position: { softcap } }),
    };
    const mixer =
      window === undefined
        ? await variantById('dense').open(layer, { causal })
        : await variantById('local').open(layer, { causal, window });
    mixers.push(mixer);
    const { y } = await mixer.attend({ start: 0, end: N });
    const { next } = await executor.run(model.finish(index), {
      hidden: state,
      y: floats([heads, N, headWidth], y),
    });
    hidden = next!.data as Float32Array;
  }
  const { last } = await executor.run(model.last.program, { hidden: floats([N, model.hidden], hidden) });
  return {
    decoder: model,
    last: last!.data as Float32Array,
    async row(layer, head, query) {
      const { keys, weights } = await mixers[layer]!.row(head, query);
      const row = new Float64Array(N);
      keys.forEach((key, at) => (row[key] = weights[at]!));
      return row;
    },
  };
}

/** `[H, N, D]` with zeros behind every head's tokens. */
function padded({ data }: FloatTensor, heads: number, N: number, width: number): FloatTensor {
  const result = floats([heads, paddedLength(N), width]);
  for (let head = 0; head < heads; head++) {
    const part = data.subarray(head * N * width, (head + 1) * N * width);
    result.data.set(part, head * paddedLength(N) * width);
  }
  return result;
}
