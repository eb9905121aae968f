/**
 * Attention in one node: `Attention` of ONNX (opset 23), and `MultiHeadAttention`, `GroupQueryAttention` and
 * `Attention` of com.microsoft. Queries and keys are those that stand in the scores: biases are added and
 * rotations done here, as the node does them; its own output tells whether that is right.
 */

import { create } from '@bufbuild/protobuf';

import { type Node, NodeSchema } from '../onnx/onnx_pb';
import { float, type GraphIndex, inputOf, integer, integers, isStandard, nodeName } from './graphIndex';
import { byToken, Misfit, packed, projected, rotated, scaled, shifted } from './heads';
import type { Projections, Site, Taken, Tap } from './site';

export function findFused(index: GraphIndex): readonly Site[] {
  return index.graph.node.flatMap(node => {
    if (isStandard(node)) return node.opType === 'Attention' ? [standard(node)] : [];
    const make = node.domain === 'com.microsoft' ? MICROSOFT[node.opType] : undefined;
    return make === undefined ? [] : [make(node)];
  });
}

const MICROSOFT: Readonly<Record<string, (node: Node) => Site>> = {
  MultiHeadAttention: multiHead,
  GroupQueryAttention: groupQuery,
  Attention: packedWeights,
};

const whole = (value: string | undefined): Tap | undefined =>
  value === undefined ? undefined : { value, extract: 'whole' };
const maskRows = (value: string | undefined): Tap | undefined =>
  value === undefined ? undefined : { value, extract: 'maskRows' };

interface Parts extends Pick<Site, 'assemble'> {
  readonly taps: Readonly<Record<string, Tap | undefined>>;
  readonly causal: boolean;
  readonly window?: number | undefined;
  readonly softcap?: number;
  readonly mask?: Tap | undefined;
  readonly nodes?: readonly Node[];
  readonly refusal?: string | undefined;
}

function fused(node: Node, { taps, causal, window, softcap = 0, ...rest }: Parts): Site {
  const declared = { causal, window, softcap: softcap > 0 ? softcap : undefined };
  const present = Object.entries(taps).filter((entry): entry is [string, Tap] => entry[1] !== undefined);
  return {
    nodes: [],
    mask: undefined,
    refusal: undefined,
    ...rest,
    name: nodeName(node),
    kind: node.opType,
    taps: Object.fromEntries(present),
    declared,
    softcap: () => declared.softcap,
    truth: { of: 'outputs', tap: { value: node.output[0]!, extract: 'rows' } },
    between: '',
  };
}

/** Folds a node's own scale into the queries; 0 stands for the usual `1 / sqrt(D)`. */
function withScale(scale: number, parts: Projections): Projections {
  return scale === 0 ? parts : { ...parts, q: scaled(parts.q, scale * Math.sqrt(parts.q.width)) };
}

/** ONNX opset 23: three inputs, each `[1, N, H * D]` or `[1, H, N, D]`. */
function standard(node: Node): Site {
  const [heads, groups] = [integer(node, 'q_num_heads', 0), integer(node, 'kv_num_heads', 0)];
  return fused(node, {
    taps: { q: whole(node.input[0]), k: whole(node.input[1]), v: whole(node.input[2]) },
    causal: integer(node, 'is_causal', 0) === 1,
    softcap: float(node, 'softcap', 0),
    mask: maskRows(inputOf(node, 3)),
    assemble: ({ q, k, v }) =>
      withScale(float(node, 'scale', 0), {
        q: projected(q!, heads),
        k: projected(k!, groups),
        v: projected(v!, groups),
      }),
  });
}

/** Queries `[1, N, H * D]` with keys and values likewise, or one packed `[1, N, H, 3, D]`, or keys and values `[1, N, H, 2, D]`. */
function multiHead(node: Node): Site {
  const heads = integer(node, 'num_heads', 0);
  function parts({ q, k, v }: Taken): Projections {
    if (k === undefined) return { q: packed(q!, 0), k: packed(q!, 1), v: packed(q!, 2) };
    if (v === undefined) return { q: projected(q!, heads), k: packed(k, 0), v: packed(k, 1) };
    return { q: projected(q!, heads), k: projected(k, heads), v: projected(v, heads) };
  }
  return fused(node, {
    taps: {
      q: whole(node.input[0]),
      k: whole(inputOf(node, 1)),
      v: whole(inputOf(node, 2)),
      bias: whole(inputOf(node, 3)),
    },
    causal: integer(node, 'unidirectional', 0) === 1,
    mask: maskRows(inputOf(node, 5)),
    assemble(taken) {
      const { q, k, v } = parts(taken);
      const bias = taken['bias']?.data;
      const keys = q.heads * q.width;
      return withScale(float(node, 'scale', 0), {
        q: shifted(q, bias, 0),
        k: shifted(k, bias, keys),
        v: shifted(v, bias, 2 * keys),
      });
    },
  });
}

/** Queries `[1, N, H * D]`, keys and values `[1, N, G * D]`, or all in one row; rotated by the node where it says so. */
function groupQuery(node: Node): Site {
  const [heads, groups] = [integer(node, 'num_heads', 0), integer(node, 'kv_num_heads', 0)];
  const rotates = integer(node, 'do_rotary', 0) === 1;
  const window = integer(node, 'local_window_size', -1);
  const hasSink = inputOf(node, 11) !== undefined || integer(node, 'smooth_softmax', 0) === 1;
  function parts({ q, k, v }: Taken): Projections {
    if (k !== undefined && v !== undefined) {
      return { q: projected(q!, heads), k: projected(k, groups), v: projected(v, groups) };
    }
    const width = (q!.shape[2] ?? 0) / (heads + 2 * groups);
    if (!Number.isInteger(width)) throw new Misfit(`packs [${q!.shape.join(', ')}]`);
    return {
      q: byToken(q!, heads, width),
      k: byToken(q!, groups, width, heads * width),
      v: byToken(q!, groups, width, (heads + groups) * width),
    };
  }
  return fused(node, {
    taps: {
      q: whole(node.input[0]),
      k: whole(inputOf(node, 1)),
      v: whole(inputOf(node, 2)),
      cos: rotates ? whole(inputOf(node, 7)) : undefined,
      sin: rotates ? whole(inputOf(node, 8)) : undefined,
    },
    causal: true,
    window: window > 0 ? window : undefined,
    softcap: float(node, 'softcap', 0),
    mask: maskRows(inputOf(node, 10)),
    refusal: hasSink ? 'weighs a sink beside its keys' : undefined,
    assemble(taken) {
      const { q, k, v } = parts(taken);
      const { cos, sin } = taken;
      const interleaved = integer(node, 'rotary_interleaved', 0) === 1;
      const turn = (x: Projections['q']) =>
        cos === undefined || sin === undefined ? x : rotated(x, cos, sin, interleaved);
      return withScale(float(node, 'scale', 0), { q: turn(q), k: turn(k), v });
    },
  });
}

/** Hidden states `[1, N, M]` with the weights `[M, H * (2 D + E)]` of all three projections, which are done beside the node. */
function packedWeights(node: Node): Site {
  const heads = integer(node, 'num_heads', 0);
  const sizes = integers(node, 'qkv_hidden_sizes');
  const product = `longsight.projected.${node.output[0]!}`;
  const sum = `${product}.biased`;
  const bias = inputOf(node, 2);
  const make = (opType: string, input: readonly string[], output: string) =>
    create(NodeSchema, { name: output, opType, input: [...input], output: [output] });
  return fused(node, {
    taps: { all: whole(bias === undefined ? product : sum) },
    nodes: [
      make('MatMul', [node.input[0]!, node.input[1]!], product),
      ...(bias === undefined ? [] : [make('Add', [product, bias], sum)]),
    ],
    causal: integer(node, 'unidirectional', 0) === 1,
    mask: maskRows(inputOf(node, 5)),
    refusal: integer(node, 'do_rotary', 0) === 1 ? 'rotates its queries and keys inside' : undefined,
    assemble({ all }) {
      const third = (all!.shape[2] ?? 0) / 3;
      const [a, b, c] = sizes?.length === 3 ? (sizes as [number, number, number]) : [third, third, third];
      return withScale(float(node, 'scale', 0), {
        q: byToken(all!, heads, a / heads),
        k: byToken(all!, heads, b / heads, a),
        v: byToken(all!, heads, c / heads, a + b),
      });
    },
  });
}
