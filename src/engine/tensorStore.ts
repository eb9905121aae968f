/**
 * The queries, keys and values of an inspection: in memory while they fit a budget, beyond it in a file, from
 * which they come back when they are read. The file goes when the store is closed, and files that a crash
 * left behind go when the next store opens.
 */

import { mkdirSync, readdirSync, readSync, rmSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { Problem } from '../protocol/problem';
import { type FloatTensor, sizeOf } from './onnx/tensor';

export interface SpillOptions {
  /** Where files go; made when it is first needed. */
  readonly directory: string;
  /** Bytes that stay in memory. */
  readonly budget: number;
}

const SUFFIX = '.longsight-tensors';
/** One read or write, at most: the system refuses more than 2 GiB. */
const PIECE = 2 ** 28;

let serial = 0;

export class TensorStore {
  readonly #options: SpillOptions;
  /** Those whose numbers are in memory, least recently read first. */
  readonly #resident = new Set<StoredTensor>();
  #file: { readonly path: string; readonly handle: FileHandle } | undefined;
  #written = 0;
  #closed = false;

  constructor(options: SpillOptions) {
    this.#options = options;
  }

  /** A new tensor of zeros, to be filled. */
  tensor(shape: readonly number[]): FloatTensor {
    const tensor = new StoredTensor(shape, this);
    this.#resident.add(tensor);
    return tensor;
  }

  /** How many bytes are in memory. */
  get resident(): number {
    return [...this.#resident].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Writes out what is over the budget, the least recently read first. Tensors must be complete: what is
   * written to them afterwards is lost.
   *
   * @throws Problem when the disk does not take it.
   */
  async settle(): Promise<void> {
    for (const tensor of [...this.#resident]) {
      if (this.resident <= this.#options.budget) return;
      await this.#write(tensor);
      tensor.release();
      this.#resident.delete(tensor);
    }
  }

  /**
   * Brings tensors that are read together back into memory, without blocking the process. What else is over
   * the budget leaves; the tensors themselves stay until others are recalled, also where they alone exceed it.
   * Those of other origins are there already.
   */
  async recall(tensors: readonly FloatTensor[]): Promise<void> {
    for (const tensor of tensors) {
      if (!(tensor instanceof StoredTensor) || !this.#isAway(tensor)) continue;
      const bytes = await this.#read(tensor);
      // Another question may have brought it back meanwhile.
      if (!this.#isAway(tensor)) continue;
      this.#makeRoom(tensor.bytes, tensors);
      tensor.fill(new Float32Array(bytes.buffer));
      this.#resident.add(tensor);
    }
  }

  #isAway(tensor: StoredTensor): boolean {
    return tensor.written && !this.#resident.has(tensor) && !this.#closed;
  }

  async #read(tensor: StoredTensor): Promise<Uint8Array> {
    const { handle } = this.#opened();
    const bytes = new Uint8Array(tensor.bytes);
    for (let at = 0; at < bytes.length;) {
      const length = Math.min(PIECE, bytes.length - at);
      const { bytesRead } = await handle.read(bytes, at, length, tensor.offset! + at).catch(() => {
        throw this.#closed ? closedProblem() : unreadable();
      });
      if (bytesRead === 0) throw unreadable();
      at += bytesRead;
    }
    return bytes;
  }

  #opened() {
    if (this.#file === undefined) throw closedProblem();
    return this.#file;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#resident.clear();
    if (this.#file === undefined) return;
    const { path, handle } = this.#file;
    this.#file = undefined;
    await handle.close();
    rmSync(path, { force: true });
  }

  /** The numbers of a tensor that was written out. */
  load(tensor: StoredTensor, offset: number): Float32Array {
    const { handle } = this.#opened();
    const bytes = new Uint8Array(tensor.bytes);
    for (let at = 0; at < bytes.length;) {
      const length = Math.min(PIECE, bytes.length - at);
      const got = readSync(handle.fd, bytes, at, length, offset + at);
      if (got === 0) throw unreadable();
      at += got;
    }
    this.#makeRoom(tensor.bytes);
    this.#resident.add(tensor);
    return new Float32Array(bytes.buffer);
  }

  /** Tells that a tensor was read. */
  touch(tensor: StoredTensor): void {
    if (this.#closed || !this.#resident.delete(tensor)) return;
    this.#resident.add(tensor);
  }

  #makeRoom(bytes: number, spared: readonly FloatTensor[] = []): void {
    for (const tensor of [...this.#resident]) {
      if (this.resident + bytes <= this.#options.budget) return;
      if (!tensor.written || spared.includes(tensor)) continue;
      tensor.release();
      this.#resident.delete(tensor);
    }
  }

  async #write(tensor: StoredTensor): Promise<void> {
    if (tensor.written) return;
    const { handle } = (this.#file ??= await this.#create());
    const { buffer, byteOffset, byteLength } = tensor.data;
    const offset = this.#written;
    this.#written += byteLength;
    for (let at = 0; at < byteLength;) {
      const piece = new Uint8Array(buffer, byteOffset + at, Math.min(PIECE, byteLength - at));
      // A disk that is nearly full takes a part, and refuses only what follows.
      at += await handle.write(piece, 0, piece.length, offset + at).then(
        ({ bytesWritten }) => bytesWritten,
        (error: unknown) => {
          const why = (error as Error).message;
          throw new Problem(
            `Layers over the memory budget could not be written to ${this.#options.directory}: ${why}. Free some disk space, or inspect a selection.`,
          );
        },
      );
    }
    tensor.writtenAt(offset);
  }

  /**
   * A path beside the store's own file for one of the caller's, who removes it. What a crash leaves of it goes
   * when a later store makes a file.
   *
   * @throws Problem when the folder cannot be made.
   */
  scratch(): string {
    const { directory } = this.#options;
    try {
      mkdirSync(directory, { recursive: true });
      removeLeftovers(directory);
    } catch (error) {
      throw unwritable(directory, error);
    }
    return join(directory, `${process.pid}-${++serial}${SUFFIX}`);
  }

  async #create() {
    const path = this.scratch();
    const handle = await open(path, 'wx+', 0o600).catch((error: unknown) => {
      throw unwritable(this.#options.directory, error);
    });
    return { path, handle };
  }
}

function unwritable(directory: string, error: unknown): Problem {
  return new Problem(`Layers could not be written to ${directory}: ${(error as Error).message}.`);
}

function closedProblem(): Problem {
  return new Problem('This document was closed, or inspected again, while it was read. Ask again.');
}

function unreadable(): Problem {
  return new Problem('Stored layers could not be read back. Inspect the document again.');
}

class StoredTensor implements FloatTensor {
  readonly type = 'float32';
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly #store: TensorStore;
  #data: Float32Array | undefined;
  #offset: number | undefined;

  constructor(shape: readonly number[], store: TensorStore) {
    this.shape = shape;
    this.#store = store;
    this.#data = new Float32Array(sizeOf(shape));
    this.bytes = this.#data.byteLength;
  }

  get data(): Float32Array {
    if (this.#data === undefined) this.#data = this.#store.load(this, this.#offset!);
    else this.#store.touch(this);
    return this.#data;
  }

  /** Its place in the file; undefined before it was written. */
  get offset(): number | undefined {
    return this.#offset;
  }

  fill(data: Float32Array): void {
    this.#data = data;
  }

  get written(): boolean {
    return this.#offset !== undefined;
  }

  writtenAt(offset: number): void {
    this.#offset = offset;
  }

  release(): void {
    this.#data = undefined;
  }
}

/** Removes the files of processes that are gone. */
export function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    const [, pid] = /^(\d+)-\d+/.exec(name) ?? [];
    if (pid === undefined || !name.endsWith(SUFFIX) || isAlive(Number(pid))) continue;
    rmSync(join(directory, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
