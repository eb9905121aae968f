/** Runs a model whose graph is in parts, one after another: what passes between them stays the runtime's own. */

import type * as ort from 'onnxruntime-node';

import { fed, type ModelSession, openSession, taken } from './modelSession';

export interface SessionPart {
  /** Inputs of the model, and values of earlier parts. */
  readonly inputs: readonly string[];
  /** Outputs of the model, and values that later parts take. */
  readonly outputs: readonly string[];
  /** A whole ONNX file. @param typeOf the runtime's name for the type of a value of an earlier part. */
  encode(typeOf: (value: string) => string | undefined): Uint8Array;
}

/**
 * Parts are loaded when they first run.
 *
 * @param root the folder that external data is named from.
 */
export function partedSession(parts: readonly SessionPart[], root: string): ModelSession {
  const sessions = new Map<SessionPart, ort.InferenceSession>();

  async function sessionOf(part: SessionPart, values: ReadonlyMap<string, ort.Tensor>) {
    const known = sessions.get(part);
    if (known !== undefined) return known;
    const session = await openSession(
      part.encode(value => values.get(value)?.type),
      root,
    );
    sessions.set(part, session);
    return session;
  }

  async function release(part: SessionPart): Promise<void> {
    const session = sessions.get(part);
    sessions.delete(part);
    await session?.release();
  }

  return {
    async run(feeds, outputs, { isLast = false, done } = {}) {
      const values = new Map(Object.entries(fed(feeds)));
      const wanted = wantedOf(parts, outputs);
      for (const [index, part] of parts.entries()) {
        const fetches = part.outputs.filter(value => wanted[index]!.has(value));
        if (fetches.length > 0) {
          const session = await sessionOf(part, values);
          const inputs = part.inputs.map(name => [name, values.get(name)!] as const);
          const results = await session.run(Object.fromEntries(inputs), fetches);
          for (const [name, tensor] of Object.entries(results)) values.set(name, tensor);
        }
        if (isLast) await release(part);
        for (const name of [...values.keys()]) if (!wanted[index + 1]!.has(name)) values.delete(name);
        done?.(index);
      }
      return taken(outputs.map(name => [name, values.get(name)!] as const));
    },
    async release() {
      for (const part of parts) await release(part);
    },
  };
}

/** For every part, and for the end: the values that it or what follows still needs. */
function wantedOf(parts: readonly SessionPart[], outputs: readonly string[]): readonly ReadonlySet<string>[] {
  const wanted = [new Set(outputs)];
  for (const part of [...parts].reverse()) {
    const after = wanted[0]!;
    const isNeeded = part.outputs.some(value => after.has(value));
    wanted.unshift(new Set(isNeeded ? [...after, ...part.inputs] : after));
  }
  return wanted;
}
