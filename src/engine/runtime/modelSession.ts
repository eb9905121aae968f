/** Runs a whole ONNX model from a file, on the CPU: its operators and shapes are not ours to choose. */

import * as ort from 'onnxruntime-node';

import type { Feeds } from '../onnx/graph';
import type { ElementType, HostArrays, Tensor } from '../onnx/tensor';

// Its errors reach us as exceptions; what it prints besides would pass for the last words of a crash.
ort.env.logLevel = 'fatal';

export interface RunOptions {
  /** Whether nothing runs afterwards, so that memory may be given back on the way. */
  readonly isLast?: boolean;
  /** Hears of every part of the model that is done, in order. */
  done?(part: number): void;
}

export interface ModelSession {
  /** Computes the named outputs. Blocks until they are there, or a part of the model is done. */
  run(
    feeds: Feeds,
    outputs: readonly string[],
    options?: RunOptions,
  ): Promise<Readonly<Record<string, Tensor>>>;
  release(): Promise<void>;
}

/**
 * @param model an ONNX file, whole.
 * @param root the folder that its external data is named from.
 * @throws Error in the runtime's words.
 */
export async function openModelSession(model: Uint8Array, root: string): Promise<ModelSession> {
  const session = await openSession(model, root);
  return {
    async run(feeds, outputs, { done } = {}) {
      const results = await session.run(fed(feeds), outputs);
      done?.(0);
      return taken(Object.entries(results));
    },
    release: () => session.release(),
  };
}

export function openSession(model: Uint8Array, root: string): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    extra: {
      session: {
        intra_op: { allow_spinning: '0' },
        model_external_initializers_file_folder_path: root,
      },
    },
  });
}

/** The runtime's tensors of ours, over the same memory. */
export function fed(feeds: Feeds): Record<string, ort.Tensor> {
  const inputs = Object.entries(feeds).map(([name, { type, data, shape }]) => [
    name,
    new ort.Tensor(type as 'float32', data as Float32Array, shape),
  ]);
  return Object.fromEntries(inputs) as Record<string, ort.Tensor>;
}

/** Our tensors of the runtime's. */
export function taken(results: readonly (readonly [string, ort.Tensor])[]): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(
    results.map(([name, { type, dims, data }]) => [
      name,
      { type: type as ElementType, shape: dims, data: data as HostArrays[ElementType] },
    ]),
  );
}
