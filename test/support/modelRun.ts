/** A model run from end to end with its own attention, stage by stage, for the tests of architectures. */

import { openCheckpoint } from '../../src/engine/model/checkpoint';
import { type Decoder, decoder } from '../../src/engine/model/decoder';
import { rotaryTables } from '../../src/engine/model/rope';
import { type FloatTensor, floats } from '../../src/engine/onnx/tensor';
import type { OrtExecutor } from '../../src/engine/runtime/executor';
import { nativeAttention } from '../../src/engine/schedule';
import { type Layer, type Mixer, paddedLength } from '../../src/engine/variants/primitives/mixer';
import { SharedHeads } from '../../src/engine/variants/primitives/sharedHeads';

export interface ModelRun {
  readonly decoder: Decoder;
  /** Logits `[N * V]` or hidden states `[N * M]`. */
  readonly last: Float32Array;
  /** Row `query` of a head's attention, spread over the document. */
  row(layer: number, head: number, query: number): Promise<Float64Array>;
}

export async function runModel(folder: string, ids: Int32Array, executor: OrtExecutor): Promise<ModelRun> {
  const model = decoder(await openCheckpoint(folder));
  const { heads, headWidth, layers } = model.info;
  const N = ids.length;
  const mixers: Mixer[] = [];
  let hidden = await model.embed(ids, executor);
  for (let index = 0; index < layers; index++) {
    const state = floats([N, model.hidden], hidden);
    const tables = rotaryTables(model.rotary(N, index), 0, N);
    const reach = model.overlap ? reaching(state, model.overlap) : { hidden: state };
    const parts = await executor.run(model.project(index), { ...reach, ...tables });
    const inputs = model.inputs?.(index);
    const own = [...Object.keys(inputs?.tokens ?? {}), ...(inputs?.fixed ?? [])];
    const native = model.attention(index);
    const { softcap } = native;
    const layer: Layer = {
      ...{ tokens: N, executor, index, count: layers, units: undefined },
      tensors: Object.fromEntries(own.map(name => [name, parts[name] as FloatTensor])),
      q:
        inputs === undefined
          ? padded(parts['q'] as FloatTensor)
          : new SharedHeads(padded(parts['q'] as FloatTensor), heads),
      k: padded(parts['k'] as FloatTensor),
      v: padded(parts['v'] as FloatTensor),
      ...(softcap === undefined ? {} : { position: { softcap } }),
    };
    const { variant, choice } = nativeAttention(native);
    const mixer = await variant.open(layer, choice.params);
    mixers.push(mixer);
    const { y } = await mixer.attend({ start: 0, end: N });
    const { next } = await executor.run(model.finish(index), {
      hidden: state,
      y: floats([heads, N, headWidth], y),
      ...(model.finishReads === 'values' && { v: parts['v']! }),
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

/** The whole document behind as many rows that are not there. */
function reaching({ shape, data }: FloatTensor, overlap: number) {
  const [N, width] = shape as [number, number];
  const reach = { hidden: floats([overlap + N, width]), present: floats([overlap + N, 1]) };
  reach.hidden.data.set(data, overlap * width);
  reach.present.data.fill(1, overlap);
  return reach;
}

/** `[H, N, D]` with zeros behind every head's tokens. */
function padded({ data, shape }: FloatTensor): FloatTensor {
  const [heads, N, width] = shape as [number, number, number];
  const result = floats([heads, paddedLength(N), width]);
  for (let head = 0; head < heads; head++) {
    const part = data.subarray(head * N * width, (head + 1) * N * width);
    result.data.set(part, head * paddedLength(N) * width);
  }
  return result;
}
