/** What the references of all architectures share: how they get at a checkpoint, and what they give. */

import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readFloats, readHeader } from '../../src/engine/model/safetensors';
import type { TensorEntry } from '../../src/engine/model/safetensors';

/** Fields of `config.json`, by Hugging Face's names. */
export type ConfigFields = Readonly<Record<string, unknown>>;

export interface ReferenceRun {
  /** Logits `[N * V]`, or the last hidden states `[N * C]` of a model without a head. */
  readonly last: Float64Array;
  /** Attention weights, `[N * N]`, row by row. */
  attention(layer: number, head: number): Float64Array;
}

/** A checkpoint as it lies in its folder: the config's own fields, tensors by their published names. */
export class PlainCheckpoint {
  readonly fields: ConfigFields;
  readonly #tensors: ReadonlyMap<string, TensorEntry>;

  private constructor(fields: ConfigFields, tensors: ReadonlyMap<string, TensorEntry>) {
    this.fields = fields;
    this.#tensors = tensors;
  }

  static async open(folder: string): Promise<PlainCheckpoint> {
    const fields = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as ConfigFields;
    const tensors = new Map<string, TensorEntry>();
    for (const name of await readdir(folder)) {
      if (!name.endsWith('.safetensors')) continue;
      for (const entry of (await readHeader(join(folder, name))).tensors.values()) {
        tensors.set(entry.name, entry);
      }
    }
    return new PlainCheckpoint(fields, tensors);
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** The first of these prefixes under which the checkpoint has `name`. */
  prefix(name: string, ...prefixes: readonly string[]): string {
    const found = prefixes.find(prefix => this.has(`${prefix}${name}`));
    if (found === undefined) throw new Error(`The checkpoint has no ${name}.`);
    return found;
  }

  async load(name: string): Promise<Float64Array> {
    const entry = this.#tensors.get(name);
    if (entry === undefined) throw new Error(`The checkpoint has no ${name}.`);
    return Float64Array.from(await readFloats(entry));
  }

  async maybe(name: string): Promise<Float64Array | undefined> {
    return this.has(name) ? this.load(name) : undefined;
  }

  number(name: string, fallback: number): number {
    return (this.fields[name] as number | null | undefined) ?? fallback;
  }

  /** Rows of a table `[V, C]` for `ids`, as `[N * C]`. */
  async rows(name: string, ids: ArrayLike<number>, C: number): Promise<Float64Array> {
    const table = await this.load(name);
    const x = new Float64Array(ids.length * C);
    for (let t = 0; t < ids.length; t++) x.set(table.subarray(ids[t]! * C, (ids[t]! + 1) * C), t * C);
    return x;
  }
}
