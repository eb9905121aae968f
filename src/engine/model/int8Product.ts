import { GraphBuilder } from '../onnx/builder';
import type { Executor, Program, Value } from '../onnx/graph';
import { floats } from '../onnx/tensor';
import type { QuantizedMatrix } from './quantize';

/** Stands for 0 in unsigned bytes. */
const ZERO = 128;
const LARGEST = 127;

/** Whether a matrix goes into products as signed bytes, which is faster, or as unsigned ones. */
export type ByteKind = 'int8' | 'uint8';

/**
 * `x [B, I]` times `W`, `[B, O]`, in 8 bits, with a step for each token of `x` and a scale for each channel of `W`: the
 * vector-wise quantisation of LLM.int8 (arXiv 2208.07339, section 3.1), without its outliers in 16 bits.
 */
export function int8Product(g: GraphBuilder, x: Value, quantized: QuantizedMatrix, kind: ByteKind): Value {
  const { shape: laid, outputs, scales } = quantized;
  const peak = g.reduce('ReduceMax', g.unary('Abs', x), -1, true);
  const step = g.div(g.arithmetic('Max', peak, 1e-30), LARGEST);
  const one = g.scalar(1);
  const zero = g.constant({ type: 'uint8', shape: [], data: Uint8Array.of(ZERO) });
  const bytes = g.node('QuantizeLinear', [g.div(x, step), one, zero], {}, 'uint8', x.shape);
  const stored = g.constant({ type: kind, shape: laid, data: bytesOf(quantized, kind) });
  const matrix = outputs === 0 ? g.transpose(stored, 1, 0) : stored;
  const operands = [bytes, matrix, one, g.constant(floats([scales.length], scales)), zero];
  if (kind === 'uint8') operands.push(zero);
  const shape = [x.shape[0]!, scales.length];
  return g.mul(g.node('MatMulIntegerToFloat', operands, {}, 'float32', shape, 'com.microsoft'), step);
}

function bytesOf({ values }: QuantizedMatrix, kind: ByteKind): Int8Array | Uint8Array {
  if (kind === 'int8') return values;
  const bytes = new Uint8Array(values.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = values[at]! + ZERO;
  return bytes;
}

const PROBE_INPUTS = 64;
const PROBE_OUTPUTS = 16;

/**
 * Signed bytes unless their products overflow, as they do on x64 processors that lack instructions for 8-bit sums:
 * there a sum of two products of the largest bytes does not fit the 16 bits it is kept in.
 */
export async function byteKind(executor: Executor): Promise<ByteKind> {
  const x = floats([1, PROBE_INPUTS], new Float32Array(PROBE_INPUTS).fill(1));
  const { y } = await executor.run(PROBE, { x });
  const exact = (y!.data as Float32Array).every(sum => Math.abs(sum / (PROBE_INPUTS * LARGEST) - 1) < 1e-4);
  return exact ? 'int8' : 'uint8';
}

const PROBE: Program = {
  key: 'int8 probe',
  build() {
    const g = new GraphBuilder('int8 probe');
    const matrix = {
      values: new Int8Array(PROBE_INPUTS * PROBE_OUTPUTS).fill(LARGEST),
      shape: [PROBE_INPUTS, PROBE_OUTPUTS],
      outputs: 1,
      scales: new Float32Array(PROBE_OUTPUTS).fill(1),
    } as const;
    g.output('y', int8Product(g, g.input('x', 'float32', ['B', PROBE_INPUTS]), matrix, 'int8'));
    return g.build();
  },
};
