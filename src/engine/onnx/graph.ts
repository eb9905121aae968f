/** What the builder makes and the runtime runs. */

import type { ElementType, Shape, Tensor } from './tensor';

/** A value inside a graph: an input, a constant, or the result of a node. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

/** Bytes of a weight inside a file on disk, as a safetensors header places them. */
export interface ExternalData {
  /** Absolute real path. */
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

export type AttributeValue = number | string | readonly number[] | { readonly float: number };

export interface Node {
  readonly op: string;
  readonly domain: '' | 'com.microsoft';
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export type Initializer =
  | { readonly name: string; readonly tensor: Tensor }
  | {
      readonly name: string;
      readonly type: ElementType;
      readonly shape: readonly number[];
      readonly external: ExternalData;
    };

export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  /** Of what nodes make, by name. */
  readonly shapes: ReadonlyMap<string, Shape>;
}

/**
 * A graph under a key: the runtime builds and loads it once for each key, so the key names all that
 * the graph depends on.
 */
export interface Program {
  readonly key: string;
  /**
   * A named length of the graph along which every result depends on its own inputs alone: the runtime may
   * add zeros to the inputs there.
   */
  readonly independentAlong?: string;
  build(): Graph;
}

export type Feeds = Readonly<Record<string, Tensor>>;

/** Runs programs on the device in use. Feeds and results are in host memory. */
export interface Executor {
  /** Whether the device prepares itself anew for every shape of a feed, so that shapes should be few. */
  readonly wantsFewShapes: boolean;
  /**
   * @throws Error when a feed is missing or its shape contradicts the graph.
   * @throws Problem when a device other than the CPU fails.
   */
  run(program: Program, feeds: Feeds): Promise<Record<string, Tensor>>;
  /**
   * Takes tensors that stay as they are until they are released: a device with memory of its own copies each
   * once, when it is first fed, as far as it can. On the CPU nothing is copied.
   */
  hold(...tensors: readonly Tensor[]): Held;
  /** Whether the device keeps this tensor: a graph had better take what it needs of the whole there. */
  holds(tensor: Tensor): boolean;
}

/** Tensors in the memory of a device. */
export interface Held {
  /** Gives the memory back, as soon as no run reads it. Feeding the tensors still works. */
  release(): void;
}
