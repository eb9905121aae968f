/** Queries that groups of heads share, kept once a group. */

import type { FloatTensor } from '../../onnx/tensor';
import { repeatHeads } from './segments';

/** `[H, P, D]` over `[G, P, D]`; who reads `data` has every head's own copy made, and keeps it for as long as it needs. */
export class SharedHeads implements FloatTensor {
  readonly type = 'float32';
  readonly shape: readonly number[];
  readonly groups: FloatTensor;
  #whole: WeakRef<Float32Array> | undefined;

  constructor(groups: FloatTensor, heads: number) {
    this.groups = groups;
    this.shape = [heads, ...groups.shape.slice(1)];
  }

  get data(): Float32Array {
    const made = this.#whole?.deref() ?? repeatHeads(this.groups, this.shape[0]!).data;
    this.#whole = new WeakRef(made);
    return made;
  }
}

/** What is kept of a tensor: `[G, P, D]` where groups of heads share it. */
export function keptHeads(x: FloatTensor): FloatTensor {
  return x instanceof SharedHeads ? x.groups : x;
}
