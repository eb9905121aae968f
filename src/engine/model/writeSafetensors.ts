import { open } from 'node:fs/promises';
import { toBfloat, toHalf } from '../onnx/halfFloat';
import { WIDTHS, elementCount } from './tensor';

const PREFIX_BYTES = 8;

/** A tensor to write: `data` holds its elements in row-major order. */
export type TensorData =
  | { readonly dtype: 'F32' | 'F16' | 'BF16'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'I32' | 'I64'; readonly shape: readonly number[]; readonly data: Int32Array };

/** Writes a safetensors file; wide types come first so that every tensor is aligned to its width. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, TensorData>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const entries = Object.entries(tensors).sort(([, a], [, b]) => WIDTHS[b.dtype] - WIDTHS[a.dtype]);
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata;
  let offset = 0;
  for (const [name, { dtype, shape, data }] of entries) {
    if (elementCount(shape) !== data.length) {
      throw new Error(`Tensor ${name}: shape [${shape.join(', ')}] does not hold ${data.length} elements.`);
    }
    const end = offset + data.length * WIDTHS[dtype];
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const bare = JSON.stringify(header);
  const json = Buffer.from(bare + ' '.repeat((8 - (Buffer.byteLength(bare) % 8)) % 8));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeBigUInt64LE(BigInt(json.length));
  const handle = await open(path, 'w');
  try {
    await handle.writeFile(Buffer.concat([prefix, json]));
    for (const [, tensor] of entries) await handle.writeFile(encodeTensor(tensor));
  } finally {
    await handle.close();
  }
}

function encodeTensor(tensor: TensorData): Uint8Array {
  const { buffer, byteOffset, byteLength } = narrow(tensor);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function narrow(tensor: TensorData): Float32Array | Int32Array | Uint16Array | BigInt64Array {
  switch (tensor.dtype) {
    case 'F16':
      return Uint16Array.from(tensor.data, toHalf);
    case 'BF16':
      return Uint16Array.from(tensor.data, toBfloat);
    case 'I64':
      return BigInt64Array.from(Array.from(tensor.data, BigInt));
    default:
      return tensor.data;
  }
}
