/** Tensors that a device keeps between runs, so that they cross to it once. */

import type { Tensor } from '../onnx/tensor';

/** A copy in the memory of a device. */
export interface DeviceTensor {
  dispose(): void;
}

interface Kept<D> {
  /** How many have asked to hold it. */
  holders: number;
  /** How many runs read it. */
  readers: number;
  upload: Promise<void> | undefined;
  copy: D | undefined;
  /** The copy is to go as soon as nobody reads it, also where somebody holds it. */
  isStale: boolean;
}

/** Makes a copy when it is first read, and disposes of it once nobody holds or reads it. */
export class DeviceMemory<D extends DeviceTensor> {
  readonly #upload: (tensor: Tensor) => Promise<D>;
  readonly #kept = new Map<Tensor, Kept<D>>();

  constructor(upload: (tensor: Tensor) => Promise<D>) {
    this.#upload = upload;
  }

  has(tensor: Tensor): boolean {
    return this.#heldOf(tensor) !== undefined;
  }

  hold(tensor: Tensor): void {
    const none = { holders: 0, readers: 0, upload: undefined, copy: undefined, isStale: false };
    const kept = this.#kept.get(tensor) ?? none;
    kept.holders += 1;
    this.#kept.set(tensor, kept);
  }

  release(tensor: Tensor): void {
    const kept = this.#heldOf(tensor);
    if (kept === undefined) return;
    kept.holders -= 1;
    this.#drop(tensor, kept);
  }

  /** Disposes of every copy, of those that are read when that is done; who reads again has a new one made. */
  clear(): void {
    for (const [tensor, kept] of this.#kept) {
      kept.isStale = true;
      this.#drop(tensor, kept);
    }
  }

  /**
   * Gives `work` the copies of those tensors that somebody holds; they stay until `work` is done.
   *
   * @throws what an upload throws; the next reader tries it anew.
   */
  async reading<T>(
    tensors: readonly Tensor[],
    work: (copies: ReadonlyMap<Tensor, D>) => Promise<T>,
  ): Promise<T> {
    const read = tensors.flatMap((tensor): [Tensor, Kept<D>][] => {
      const kept = this.#heldOf(tensor);
      return kept === undefined ? [] : [[tensor, kept]];
    });
    for (const [, kept] of read) kept.readers += 1;
    try {
      const copies = new Map<Tensor, D>();
      for (const [tensor, kept] of read) copies.set(tensor, await this.#copyOf(tensor, kept));
      return await work(copies);
    } finally {
      for (const [tensor, kept] of read) {
        kept.readers -= 1;
        this.#drop(tensor, kept);
      }
    }
  }

  #heldOf(tensor: Tensor): Kept<D> | undefined {
    const kept = this.#kept.get(tensor);
    return kept !== undefined && kept.holders > 0 ? kept : undefined;
  }

  async #copyOf(tensor: Tensor, kept: Kept<D>): Promise<D> {
    kept.upload ??= this.#upload(tensor).then(copy => void (kept.copy = copy));
    const { upload } = kept;
    try {
      await upload;
    } catch (error) {
      if (kept.upload === upload) kept.upload = undefined;
      throw error;
    }
    return kept.copy!;
  }

  #drop(tensor: Tensor, kept: Kept<D>): void {
    if (kept.readers > 0) return;
    if (kept.holders === 0) this.#kept.delete(tensor);
    else if (!kept.isStale) return;
    kept.copy?.dispose();
    kept.copy = undefined;
    kept.upload = undefined;
    kept.isStale = false;
  }
}
