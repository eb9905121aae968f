/** One attention in a graph: where its numbers are taken from, and how they become queries, keys and values. */

import type { FloatTensor } from '../onnx/tensor';
import type { Node } from '../onnx/onnx_pb';
import type { Heads } from './heads';

/**
 * How a value is taken out of the graph: whole; the rows of some queries, from the second last axis; its
 * smallest or largest number; or the rows of a mask that may stand for all queries in one.
 */
export type Extract = 'whole' | 'rows' | 'least' | 'most' | 'maskRows';

export interface Tap {
  readonly value: string;
  readonly extract: Extract;
}

/** The tensors behind a site's taps, by their roles. */
export type Taken = Readonly<Record<string, FloatTensor>>;

/** Queries `[H, N, D]`, keys `[G, N, D]` and values `[G, N, E]`, so that scores are `q·k / sqrt(D)`. */
export interface Projections {
  readonly q: Heads;
  readonly k: Heads;
  readonly v: Heads;
}

/** What a node's attributes say of the keys that a query sees. */
export interface Declared {
  readonly causal: boolean;
  readonly window: number | undefined;
  readonly softcap: number | undefined;
}

export interface Site {
  /** How messages name it. */
  readonly name: string;
  readonly kind: string;
  /** By role, for `assemble`. */
  readonly taps: Readonly<Record<string, Tap>>;
  /** Nodes that the graph gets beside its own, for values that `taps` reads. */
  readonly nodes: readonly Node[];
  /** @throws Misfit for tensors that are no heads of attention. */
  assemble(taken: Taken): Projections;
  /** Undefined where the keys a query sees are told by the graph's own weights alone. */
  readonly declared: Declared | undefined;
  /** Of tanh, where the graph bends its scores and no attribute says so. */
  softcap(taken: Taken): number | undefined;
  /** The graph's own result for some queries, to hold its attention against. */
  readonly truth: { readonly of: 'weights' | 'outputs'; readonly tap: Tap };
  /** A mask that the node takes as an input. */
  readonly mask: Tap | undefined;
  /** What the site does that cannot be inspected, as the end of a sentence that starts with its name. */
  readonly refusal: string | undefined;
  /** Operators between the scores and the softmax, for messages. */
  readonly between: string;
}
