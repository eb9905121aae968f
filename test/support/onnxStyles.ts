/** The small model as different exporters write it: the node patterns are theirs, the numbers those of the reference. */

import { OnnxGraph } from './onnxGraph';
import {
  angle,
  type Block,
  EPSILON,
  MOST_POSITIONS,
  type SmallModel,
  type Style,
  THETA,
} from './onnxReference';

const LOWEST = -3.4028234663852886e38;

export interface Written {
  readonly graph: OnnxGraph;
  readonly style: Style;
}

interface Context {
  readonly g: OnnxGraph;
  readonly m: SmallModel;
  /** `[batch, n]` */
  readonly ids: string;
}

function start(m: SmallModel, opset?: number): Context {
  const g = new OnnxGraph(opset);
  return { g, m, ids: g.input('input_ids', 'int64', ['batch_size', 'sequence_length']) };
}

function embed({ g, m, ids }: Context): string {
  return g.node('Gather', [g.weight([m.vocabulary, m.hidden], m.embedding), ids], { axis: 0 });
}

function withPositions({ g, m }: Context, x: string, positions: string): string {
  const table = g.weight([MOST_POSITIONS, m.hidden], m.positions);
  return g.node('Add', [x, g.node('Gather', [table, positions], { axis: 0 })]);
}

/** 0 … n - 1 as `[1, n]`. */
function counted({ g, ids }: Context): string {
  const range = g.node('Range', [g.int(0), g.length(ids, 1, true), g.int(1)]);
  return g.node('Unsqueeze', [range, g.ints(0)]);
}

function logits({ g, m }: Context, x: string): void {
  const table = new Float32Array(m.embedding.length);
  for (let id = 0; id < m.vocabulary; id++) {
    for (let c = 0; c < m.hidden; c++) table[c * m.vocabulary + id] = m.embedding[id * m.hidden + c]!;
  }
  g.output('logits', g.node('MatMul', [x, g.weight([m.hidden, m.vocabulary], table)]));
}

/** The three projections side by side, `[M, (H + 2 G) D]`, or their biases. */
function joined(parts: Block['weight'], rows: number): Float32Array {
  const all = [parts.q, parts.k, parts.v];
  const into = new Float32Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (const part of all) {
      const width = part.length / rows;
      into.set(part.subarray(row * width, (row + 1) * width), at);
      at += width;
    }
  }
  return into;
}

/** RMSNorm as PyTorch spells it out. */
function rms({ g, m }: Context, x: string, gain: Float32Array): string {
  const square = g.node('ReduceMean', [g.node('Pow', [x, g.float(2)])], { axes: [-1] });
  const inverse = g.node('Div', [g.float(1), g.node('Sqrt', [g.node('Add', [square, g.float(EPSILON)])])]);
  return g.node('Mul', [g.weight([m.hidden], gain), g.node('Mul', [x, inverse])]);
}

function projected(
  { g, m }: Context,
  x: string,
  block: Block,
  name: 'q' | 'k' | 'v',
  biased: boolean,
): string {
  const width = block.weight[name].length / m.hidden;
  const product = g.node('MatMul', [x, g.weight([m.hidden, width], block.weight[name])]);
  return biased ? g.node('Add', [g.weight([width], block.bias[name]), product]) : product;
}

/** Back to `[1, n, H D]` and through the last projection, onto the stream. */
function finish({ g, m }: Context, mixed: string, block: Block, x: string, isByHead = true): string {
  const size = block.out.length / m.hidden;
  const flat = isByHead ? g.reshape(g.transpose(mixed, 0, 2, 1, 3), 1, -1, size) : mixed;
  return g.node('Add', [x, g.node('MatMul', [flat, g.weight([size, m.hidden], block.out)])]);
}

/** GPT-2 of the TorchScript exporter: Conv1D as Gemm, Split, a causal buffer cut by Slice, Where. */
export function gpt2Style(m: SmallModel): Written {
  const context = start(m, 13);
  const { g, ids } = context;
  const mask = g.input('attention_mask', 'int64', ['batch_size', 'sequence_length']);
  const heads = m.heads * m.width;
  let x = withPositions(context, embed(context), counted(context));
  const tril = Uint8Array.from({ length: MOST_POSITIONS ** 2 }, (_, at) =>
    at % MOST_POSITIONS <= Math.floor(at / MOST_POSITIONS) ? 1 : 0,
  );
  const buffer = g.booleans([1, 1, MOST_POSITIONS, MOST_POSITIONS], tril);
  const float = g.cast(g.node('Unsqueeze', [g.node('Unsqueeze', [mask, g.ints(1)]), g.ints(2)]), 'float32');
  const padding = g.node('Mul', [g.node('Sub', [g.float(1), float]), g.float(LOWEST)]);
  for (const block of m.blocks) {
    const zeros = g.weight([m.hidden], new Float32Array(m.hidden));
    const gain = g.weight([m.hidden], block.gain);
    const normed = layerNorm(g, x, gain, zeros);
    const weight = g.weight([m.hidden, 3 * heads], joined(block.weight, m.hidden));
    const bias = g.weight([3 * heads], joined(block.bias, 1));
    const conv = g.node('Gemm', [g.reshape(normed, -1, m.hidden), weight, bias]);
    const shape = g.node('Concat', [g.length(ids, 0), g.length(ids, 1), g.ints(3 * heads)], { axis: 0 });
    const [q, k, v] = g
      .nodes('Split', [g.node('Reshape', [conv, shape]), g.ints(heads, heads, heads)], 3, { axis: 2 })
      .map(part => g.reshape(part, 1, -1, m.heads, m.width));
    const product = g.node('MatMul', [g.transpose(q!, 0, 2, 1, 3), g.transpose(k!, 0, 2, 3, 1)]);
    const scores = g.node('Div', [product, g.float(Math.sqrt(m.width))]);
    const [length, end] = [g.length(ids, 1), g.length(ids, 1)];
    const seen = g.slice(g.slice(buffer, g.node('Sub', [end, length]), end, 2), 0, end, 3);
    const hidden = g.node('Where', [seen, scores, g.float(LOWEST)]);
    const weights = g.node('Softmax', [g.node('Add', [hidden, padding])], { axis: 3 });
    const mixed = g.node('MatMul', [weights, g.transpose(v!, 0, 2, 1, 3)]);
    x = finish(context, mixed, block, x);
  }
  logits(context, x);
  const style: Style = { norm: 'layer', learnedPositions: true, rotary: false, biased: true, causal: true };
  return { graph: g, style };
}

/** LayerNorm spelled out, as before opset 17. */
function layerNorm(g: OnnxGraph, x: string, gain: string, bias: string): string {
  const centred = g.node('Sub', [x, g.node('ReduceMean', [x], { axes: [-1] })]);
  const variance = g.node('ReduceMean', [g.node('Pow', [centred, g.float(2)])], { axes: [-1] });
  const deviation = g.node('Sqrt', [g.node('Add', [variance, g.float(EPSILON)])]);
  return g.node('Add', [g.node('Mul', [g.node('Div', [centred, deviation]), gain]), bias]);
}

/** BERT: three projections, scores over a constant, an additive mask, keys on both sides, a floor under weights. */
export function bertStyle(m: SmallModel): Written {
  const context = start(m, 14);
  const { g } = context;
  const mask = g.input('attention_mask', 'int64', ['batch_size', 'sequence_length']);
  const types = g.input('token_type_ids', 'int64', ['batch_size', 'sequence_length']);
  const typed = g.node('Gather', [g.weight([2, m.hidden], new Float32Array(2 * m.hidden)), types], {
    axis: 0,
  });
  let x = g.node('Add', [withPositions(context, embed(context), counted(context)), typed]);
  const wide = g.cast(g.node('Unsqueeze', [g.node('Unsqueeze', [mask, g.ints(1)]), g.ints(2)]), 'float32');
  const padding = g.node('Mul', [g.node('Sub', [g.float(1), wide]), g.float(-10000)]);
  for (const block of m.blocks) {
    const part = (name: 'q' | 'k' | 'v', ...perm: readonly number[]) =>
      g.transpose(g.reshape(projected(context, x, block, name, true), 0, 0, m.heads, m.width), ...perm);
    const product = g.node('MatMul', [part('q', 0, 2, 1, 3), part('k', 0, 2, 3, 1)]);
    const scores = g.node('Add', [g.node('Div', [product, g.float(Math.sqrt(m.width))]), padding]);
    const weights = g.node('Softmax', [scores], { axis: -1 });
    const floored = g.node('Clip', [weights, g.float(1e-30)]);
    x = finish(context, g.node('MatMul', [floored, part('v', 0, 2, 1, 3)]), block, x);
  }
  g.output('last_hidden_state', x);
  const style: Style = { norm: 'none', learnedPositions: true, rotary: false, biased: true, causal: false };
  return { graph: g, style };
}

/** T5's encoder: scores without a scale, and a bias by offset that is looked up once for all layers. */
export function t5Style(m: SmallModel): Written {
  const context = start(m, 14);
  const { g, ids } = context;
  const mask = g.input('attention_mask', 'int64', ['batch_size', 'encoder_sequence_length']);
  const offsets = 2 * MOST_POSITIONS - 1;
  const bias = (head: number, offset: number) =>
    Math.cos(0.7 * head + 0.3 * offset) - 0.01 * Math.abs(offset);
  const table = Float32Array.from({ length: offsets * m.heads }, (_, at) =>
    bias(at % m.heads, Math.floor(at / m.heads) - MOST_POSITIONS + 1),
  );
  const range = g.node('Range', [g.int(0), g.length(ids, 1, true), g.int(1)]);
  const ahead = g.node('Sub', [
    g.node('Unsqueeze', [range, g.ints(0)]),
    g.node('Unsqueeze', [range, g.ints(1)]),
  ]);
  const place = g.node('Add', [ahead, g.int(MOST_POSITIONS - 1)]);
  const looked = g.node('Gather', [g.weight([offsets, m.heads], table), place], { axis: 0 });
  const wide = g.cast(g.node('Unsqueeze', [g.node('Unsqueeze', [mask, g.ints(1)]), g.ints(2)]), 'float32');
  const padding = g.node('Mul', [g.node('Sub', [g.float(1), wide]), g.float(LOWEST)]);
  const added = g.node('Add', [g.node('Unsqueeze', [g.transpose(looked, 2, 0, 1), g.ints(0)]), padding]);
  let x = embed(context);
  for (const block of m.blocks) {
    const normed = rms(context, x, block.gain);
    const part = (name: 'q' | 'k' | 'v', ...perm: readonly number[]) =>
      g.transpose(
        g.reshape(projected(context, normed, block, name, false), 1, -1, m.heads, m.width),
        ...perm,
      );
    const product = g.node('MatMul', [part('q', 0, 2, 1, 3), part('k', 0, 2, 3, 1)]);
    const weights = g.node('Softmax', [g.node('Add', [product, added])], { axis: -1 });
    x = finish(context, g.node('MatMul', [weights, part('v', 0, 2, 1, 3)]), block, x);
  }
  g.output('last_hidden_state', x);
  const style: Style = {
    ...{ norm: 'rms', learnedPositions: false, rotary: false, biased: false, causal: false },
    ...{ scale: 1, bias },
  };
  return { graph: g, style };
}

/**
 * Llama of a recent exporter: rotary as Slice, Neg and Concat, an empty past, repeat_kv by Expand, queries and
 * keys each scaled by the root of the scale, which is computed from a shape.
 */
export function llamaStyle(
  m: SmallModel,
  { window, softcap }: { readonly window?: number; readonly softcap?: number } = {},
): Written {
  const context = start(m);
  const { g, ids } = context;
  g.input('attention_mask', 'int64', ['batch_size', 'past_sequence_length + 1']);
  const positions = g.input('position_ids', 'int64', ['batch_size', 'sequence_length']);
  const past = m.blocks.map((_, layer) =>
    (['key', 'value'] as const).map(part =>
      g.input(`past_key_values.${layer}.${part}`, 'float32', [
        'batch_size',
        m.groups,
        'past_sequence_length',
        m.width,
      ]),
    ),
  );
  const half = m.width / 2;
  const frequencies = Float32Array.from({ length: half }, (_, pair) => THETA ** ((-2 * pair) / m.width));
  const column = g.cast(g.node('Unsqueeze', [positions, g.ints(2)]), 'float32');
  const angles = g.node('MatMul', [column, g.weight([1, half], frequencies)]);
  const doubled = g.node('Unsqueeze', [g.node('Concat', [angles, angles], { axis: -1 }), g.ints(1)]);
  const [cos, sin] = [g.node('Cos', [doubled]), g.node('Sin', [doubled])];
  const turned = (part: string) => {
    const swapped = g.node(
      'Concat',
      [g.node('Neg', [g.slice(part, half, Number.MAX_SAFE_INTEGER, 3)]), g.slice(part, 0, half, 3)],
      { axis: -1 },
    );
    return g.node('Add', [g.node('Mul', [part, cos]), g.node('Mul', [swapped, sin])]);
  };
  const n = g.length(ids, 1, true);
  const range = g.node('Range', [g.int(0), n, g.int(1)]);
  const ahead = g.node('Sub', [
    g.node('Unsqueeze', [range, g.ints(0)]),
    g.node('Unsqueeze', [range, g.ints(1)]),
  ]);
  const later = g.node('Greater', [ahead, g.int(0)]);
  const far =
    window === undefined ? later : g.node('Or', [later, g.node('Less', [ahead, g.int(1 - window)])]);
  const mask = g.node('Where', [far, g.float(LOWEST), g.float(0)]);
  let x = embed(context);
  for (const [layer, block] of m.blocks.entries()) {
    const normed = rms(context, x, block.gain);
    const part = (name: 'q' | 'k' | 'v') =>
      g.transpose(
        g.reshape(
          projected(context, normed, block, name, false),
          1,
          -1,
          name === 'q' ? m.heads : m.groups,
          m.width,
        ),
        0,
        2,
        1,
        3,
      );
    const query = turned(part('q'));
    const [key, value] = [turned(part('k')), part('v')].map((own, at) => {
      const all = g.node('Concat', [past[layer]![at]!, own], { axis: 2 });
      const wide = g.node('Unsqueeze', [all, g.ints(2)]);
      const target = g.node(
        'Concat',
        [g.ints(1, m.groups, m.heads / m.groups), g.length(all, 2), g.ints(m.width)],
        { axis: 0 },
      );
      return g.reshape(g.node('Expand', [wide, target]), 1, m.heads, -1, m.width);
    });
    const width = g.cast(g.length(query, 3), 'float32');
    const root = g.node('Sqrt', [g.node('Div', [g.floats(1), g.node('Sqrt', [width])])]);
    let scores = g.node('MatMul', [
      g.node('Mul', [query, root]),
      g.node('Mul', [g.transpose(key!, 0, 1, 3, 2), root]),
    ]);
    if (softcap !== undefined) {
      const bent = g.node('Tanh', [g.node('Div', [scores, g.float(softcap)])]);
      scores = g.node('Mul', [bent, g.float(softcap)]);
    }
    const weights = g.node('Softmax', [g.node('Add', [scores, mask])], { axis: -1 });
    const clean = g.node('Where', [g.node('IsNaN', [weights]), g.float(0), weights]);
    x = finish(context, g.node('MatMul', [clean, value!]), block, x);
  }
  logits(context, x);
  const style: Style = {
    ...{ norm: 'rms', learnedPositions: false, rotary: true, biased: false, causal: true },
    ...(window === undefined ? {} : { window }),
    ...(softcap === undefined ? {} : { softcap }),
  };
  return { graph: g, style };
}

/** The optimiser's MultiHeadAttention, with its biases inside. */
export function multiHeadStyle(m: SmallModel, causal: boolean): Written {
  const context = start(m);
  const { g } = context;
  g.input('attention_mask', 'int64', ['batch_size', 'sequence_length']);
  let x = withPositions(context, embed(context), counted(context));
  for (const block of m.blocks) {
    const parts = (['q', 'k', 'v'] as const).map(name => projected(context, x, block, name, false));
    const biases = joined(block.bias, 1);
    const bias = g.weight([biases.length], biases);
    const attributes = { num_heads: m.heads, unidirectional: causal ? 1 : 0 };
    const mixed = g.microsoft('MultiHeadAttention', [...parts, bias], attributes);
    x = finish(context, mixed, block, x, false);
  }
  if (causal) logits(context, x);
  else g.output('last_hidden_state', x);
  return {
    graph: g,
    style: { norm: 'none', learnedPositions: true, rotary: false, biased: true, causal },
  };
}

/** The model builder's GroupQueryAttention: packed or apart, rotated inside, with a window and a softcap. */
export function groupQueryStyle(
  m: SmallModel,
  {
    window,
    softcap,
    isPacked,
  }: { readonly window: number; readonly softcap: number; readonly isPacked: boolean },
): Written {
  const context = start(m);
  const { g } = context;
  const mask = g.input('attention_mask', 'int64', ['batch_size', 'total_sequence_length']);
  const past = m.blocks.map((_, layer) =>
    (['key', 'value'] as const).map(part =>
      g.input(`past_key_values.${layer}.${part}`, 'float32', [
        'batch_size',
        m.groups,
        'past_sequence_length',
        m.width,
      ]),
    ),
  );
  const half = m.width / 2;
  const table = (of: (x: number) => number) =>
    g.weight(
      [MOST_POSITIONS, half],
      Float32Array.from({ length: MOST_POSITIONS * half }, (_, at) =>
        of(angle(Math.floor(at / half), at % half, m.width)),
      ),
    );
  const [cos, sin] = [table(Math.cos), table(Math.sin)];
  const total = g.cast(g.node('ReduceSum', [mask, g.ints(1)], { keepdims: 0 }), 'int32');
  const lengths = g.node('Sub', [total, g.cast(g.ints(1), 'int32')]);
  const longest = g.cast(g.length(mask, 1, true), 'int32');
  let x = embed(context);
  for (const [layer, block] of m.blocks.entries()) {
    const normed = rms(context, x, block.gain);
    const size = (m.heads + 2 * m.groups) * m.width;
    const parts = isPacked
      ? [g.node('MatMul', [normed, g.weight([m.hidden, size], joined(block.weight, m.hidden))]), '', '']
      : (['q', 'k', 'v'] as const).map(name => projected(context, normed, block, name, false));
    const mixed = g.microsoft(
      'GroupQueryAttention',
      [...parts, ...past[layer]!, lengths, longest, cos, sin],
      {
        ...{ num_heads: m.heads, kv_num_heads: m.groups, do_rotary: 1, local_window_size: window },
        softcap: { float: softcap },
      },
      3,
    );
    x = finish(context, mixed, block, x, false);
  }
  logits(context, x);
  return {
    graph: g,
    style: {
      norm: 'rms',
      learnedPositions: false,
      rotary: true,
      biased: false,
      causal: true,
      window,
      softcap,
    },
  };
}

/** ONNX's own Attention (opset 23), over three or four axes, with causality as an attribute or a mask. */
export function attention23Style(
  m: SmallModel,
  form: { readonly axes: 3 | 4; readonly masked: boolean; readonly slopes?: readonly number[] },
): Written {
  const { axes, masked, slopes } = form;
  const context = start(m, 23);
  const { g, ids } = context;
  const scale = 0.3;
  const bias = slopes && ((head: number, offset: number) => slopes[head]! * offset);
  const n = g.length(ids, 1, true);
  const range = g.node('Range', [g.int(0), n, g.int(1)]);
  const seen = g.node('GreaterOrEqual', [
    g.node('Unsqueeze', [range, g.ints(1)]),
    g.node('Unsqueeze', [range, g.ints(0)]),
  ]);
  const mask =
    slopes === undefined ? seen : g.node('Where', [seen, sloped(g, range, slopes), g.float(LOWEST)]);
  let x = withPositions(context, embed(context), counted(context));
  for (const block of m.blocks) {
    const groups = block.weight.k.length / (m.hidden * m.width);
    const parts = (['q', 'k', 'v'] as const).map(name => {
      const flat = projected(context, x, block, name, true);
      if (axes === 3) return flat;
      return g.transpose(g.reshape(flat, 1, -1, name === 'q' ? m.heads : groups, m.width), 0, 2, 1, 3);
    });
    const mixed = g.node('Attention', [...parts, ...(masked ? [mask] : [])], {
      ...(masked ? {} : { is_causal: 1 }),
      ...(axes === 3 ? { q_num_heads: m.heads, kv_num_heads: groups } : {}),
      scale: { float: scale },
    });
    x = finish(context, mixed, block, x, axes === 4);
  }
  logits(context, x);
  return {
    graph: g,
    style: {
      ...{ norm: 'none', learnedPositions: true, rotary: false, biased: true, causal: true, scale },
      ...(bias && { bias }),
    },
  };
}

/** Key less query, times the slope of a head: ALiBi as `[1, H, n, n]`. */
function sloped(g: OnnxGraph, range: string, slopes: readonly number[]): string {
  const place = g.cast(range, 'float32');
  const offset = g.node('Sub', [
    g.node('Unsqueeze', [place, g.ints(0)]),
    g.node('Unsqueeze', [place, g.ints(1)]),
  ]);
  return g.node('Mul', [g.weight([1, slopes.length, 1, 1], Float32Array.from(slopes)), offset]);
}

/** com.microsoft's Attention, with the weights of all three projections inside. */
export function packedWeightsStyle(m: SmallModel): Written {
  const context = start(m);
  const { g } = context;
  const mask = g.input('attention_mask', 'int32', ['batch_size', 'sequence_length']);
  let x = withPositions(context, embed(context), counted(context));
  for (const block of m.blocks) {
    const size = 3 * m.heads * m.width;
    const weight = g.weight([m.hidden, size], joined(block.weight, m.hidden));
    const bias = g.weight([size], joined(block.bias, 1));
    const mixed = g.microsoft('Attention', [x, weight, bias, mask], { num_heads: m.heads });
    x = finish(context, mixed, block, x, false);
  }
  g.output('last_hidden_state', x);
  return {
    graph: g,
    style: { norm: 'none', learnedPositions: true, rotary: false, biased: true, causal: false },
  };
}

/** How Einsum nodes write the two products; one of them may be a MatMul. */
export type EinsumForm = 'tokens first' | 'heads first' | 'in groups' | 'one key head' | 'open' | 'half';

/** Queries, keys and values `[1, n, heads, d]` brought to a form's axes, and its products. */
interface EinsumParts {
  readonly arrange: (g: OnnxGraph, part: string, name: 'q' | 'k' | 'v') => string;
  readonly scores: (g: OnnxGraph, q: string, k: string) => string;
  readonly mixed: (g: OnnxGraph, weights: string, v: string) => string;
  /** Back to `[1, n, heads, d]`. */
  readonly back: (g: OnnxGraph, mixed: string) => string;
}

const byHead = (g: OnnxGraph, part: string) => g.transpose(part, 0, 2, 1, 3);

const EINSUMS: Readonly<Record<EinsumForm, EinsumParts>> = {
  // Keys come before queries, as TensorFlow's own layer has them.
  'tokens first': {
    arrange: (_, part) => part,
    scores: (g, q, k) => g.einsum('BTNH,BFNH->BNFT', k, q),
    mixed: (g, weights, v) => g.einsum('BNFT,BTNH->BFNH', weights, v),
    back: (_, mixed) => mixed,
  },
  'heads first': {
    arrange: byHead,
    scores: (g, q, k) => g.einsum('b h i d, b h j d -> b h i j', q, k),
    mixed: (g, weights, v) => g.einsum('b h i j, b h j d -> b h i d', weights, v),
    back: byHead,
  },
  'in groups': {
    arrange: (g, part, name) => (name === 'q' ? g.reshape(part, 1, -1, 2, 2, 16) : part),
    scores: (g, q, k) => g.einsum('nqgrd,nkgd->ngrqk', q, k),
    mixed: (g, weights, v) => g.einsum('nkgd,ngrqk->nqgrd', v, weights),
    back: (g, mixed) => g.reshape(mixed, 1, -1, 4, 16),
  },
  'one key head': {
    arrange: (g, part, name) => (name === 'q' ? byHead(g, part) : g.reshape(part, 1, -1, 16)),
    scores: (g, q, k) => g.einsum('bhqc,bkc->bhqk', q, k),
    mixed: (g, weights, v) => g.einsum('bhqk,bkc->bqhc', weights, v),
    back: (_, mixed) => mixed,
  },
  open: {
    arrange: byHead,
    scores: (g, q, k) => g.einsum('...qd,...kd->...qk', q, k),
    mixed: (g, weights, v) => g.einsum('...qk,...kd->...qd', weights, v),
    back: byHead,
  },
  half: {
    arrange: byHead,
    scores: (g, q, k) => g.node('MatMul', [q, g.transpose(k, 0, 1, 3, 2)]),
    mixed: (g, weights, v) => g.einsum('bhqk,bhkd->bqhd', weights, v),
    back: (_, mixed) => mixed,
  },
};

/** Einsum in place of MatMul: scores scaled by a constant and masked by an addition, as is usual. */
export function einsumStyle(m: SmallModel, form: EinsumForm): Written {
  const context = start(m, 14);
  const { g, ids } = context;
  const { arrange, scores, mixed, back } = EINSUMS[form];
  const range = g.node('Range', [g.int(0), g.length(ids, 1, true), g.int(1)]);
  const later = g.node('Greater', [
    g.node('Unsqueeze', [range, g.ints(0)]),
    g.node('Unsqueeze', [range, g.ints(1)]),
  ]);
  const mask = g.node('Where', [later, g.float(LOWEST), g.float(0)]);
  let x = withPositions(context, embed(context), counted(context));
  for (const block of m.blocks) {
    const part = (name: 'q' | 'k' | 'v') => {
      const flat = projected(context, x, block, name, true);
      return arrange(g, g.reshape(flat, 1, -1, name === 'q' ? m.heads : m.groups, m.width), name);
    };
    const scaled = g.node('Mul', [scores(g, part('q'), part('k')), g.float(1 / Math.sqrt(m.width))]);
    const weights = g.node('Softmax', [g.node('Add', [scaled, mask])], { axis: -1 });
    const flat = g.reshape(back(g, mixed(g, weights, part('v'))), 1, -1, m.heads * m.width);
    x = finish(context, flat, block, x, false);
  }
  logits(context, x);
  return {
    graph: g,
    style: { norm: 'none', learnedPositions: true, rotary: false, biased: true, causal: true },
  };
}
