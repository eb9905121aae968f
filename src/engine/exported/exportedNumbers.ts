/** What the process of a graph left in a file: its layers go to the store of the inspection, its result to a file of the user's. */

import { Cancelled, Problem } from '../../protocol/problem';
import type { LayerOutline, RunOutline } from './graphApi';
import type { GraphListener } from './graphProcess';
import { openRowWriter } from '../model/writeRows';
import { type NumberReader, readNumbers } from './numberFile';
import type { HeadShape } from '../onnxModel/heads';
import type { OffsetBias } from '../onnxModel/offsetBias';
import { floats, type FloatTensor } from '../onnx/tensor';
import type { TensorStore } from '../tensorStore';
import { type Layer, paddedLength } from '../variants/primitives/mixer';

interface Takeover {
  readonly store: TensorStore;
  readonly listener: GraphListener;
  /** Of the work of the inspection, done by now. */
  readonly share: number;
  /** A safetensors file for the result; undefined where it is not wanted. */
  readonly logits: string | undefined;
  /** Of the ONNX file. */
  readonly path: string;
}

type StoredLayer = Pick<Layer, 'q' | 'k' | 'v' | 'position'>;

/** Logits or hidden states in memory at once. */
const MOST_NUMBERS = 2 ** 22;

/**
 * @param numbers the file.
 * @param ran what it holds.
 * @throws Problem where the file is torn, and where the result is wanted and there is none.
 * @throws Cancelled soon after the listener says so.
 */
export async function takeOver(
  numbers: string,
  ran: RunOutline,
  takeover: Takeover,
): Promise<readonly StoredLayer[]> {
  const { store, listener, share } = takeover;
  const reader = cancellable(await readNumbers(numbers), listener);
  try {
    const layers: StoredLayer[] = [];
    for (const [index, layer] of ran.layers.entries()) {
      listener.progress(share, `Reading layer ${index + 1} of ${ran.layers.length}`);
      layers.push(await stored(layer, reader, store));
    }
    await writeResult(ran, reader, takeover);
    return layers;
  } finally {
    await reader.close();
  }
}

function cancellable(reader: NumberReader, listener: GraphListener): NumberReader {
  return {
    async read(into) {
      if (listener.cancelled()) throw new Cancelled();
      await reader.read(into);
    },
    close: () => reader.close(),
  };
}

async function stored(
  { q, k, v, attention, bias }: LayerOutline,
  reader: NumberReader,
  store: TensorStore,
): Promise<StoredLayer> {
  const term = {
    ...(attention.softcap === undefined ? {} : { softcap: attention.softcap }),
    ...(bias && { bias: { first: bias.first, values: table(bias, q.heads) } }),
  };
  const parts = {
    q: await padded(q, reader, store),
    k: await padded(k, reader, store),
    v: await padded(v, reader, store),
  };
  await store.settle();
  return { ...parts, ...(Object.keys(term).length === 0 ? {} : { position: term }) };
}

function table({ values }: OffsetBias, heads: number): FloatTensor {
  return floats([heads, values.length / heads], values);
}

/** `[H, N, D] -> [H, P, D]` */
async function padded(
  { heads, tokens, width }: HeadShape,
  reader: NumberReader,
  store: TensorStore,
): Promise<FloatTensor> {
  const length = paddedLength(tokens);
  const tensor = store.tensor([heads, length, width]);
  for (let head = 0; head < heads; head++) {
    const from = head * length * width;
    await reader.read(tensor.data.subarray(from, from + tokens * width));
  }
  return tensor;
}

async function writeResult(
  { layers, result }: RunOutline,
  reader: NumberReader,
  { logits, path }: Takeover,
): Promise<void> {
  if (logits === undefined) return;
  if (result === undefined) {
    throw new Problem(
      `${path} gives no logits or hidden states for every token; leave out the file for them.`,
    );
  }
  const { kind, width } = result;
  const { tokens } = layers[0]!.q;
  const writer = await openRowWriter(logits, kind, [tokens, width]);
  try {
    const block = Math.max(1, Math.floor(MOST_NUMBERS / width));
    for (let start = 0; start < tokens; start += block) {
      const rows = new Float32Array(Math.min(block, tokens - start) * width);
      await reader.read(rows);
      await writer.write(rows);
    }
  } catch (error) {
    await writer.discard();
    throw error;
  }
  await writer.finish();
}
