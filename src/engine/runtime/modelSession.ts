/** Runs a whole ONNX model from a file, on the CPU: its operators and shapes are not ours to choose. */

import * as ort from 'onnxruntime-node';

import type { Feeds } from '../onnx/graph';
import type { ElementType, HostArrays, Tensor } from '../onnx/tensor';

export interface ModelSession {
  /** Computes the named outputs. Blocks until they are there. */
  run(feeds: Feeds, outputs: readonly string[]): Promise<Readonly<Record<string, Tensor>>>;
  release(): Promise<void>;
}

/**
 * @param model an ONNX file, whole.
 * @param root the folder that its external data is named from.
 * @throws Error in the runtime's words.
 */
export async function openModelSession(model: Uint8Array, root: string): Promise<ModelSession> {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    extra: {
      session: {
        intra_op: { allow_spinning: '0' },
        model_external_initializers_file_folder_path: root,
      },
    },
  });
  return {
    async run(feeds, outputs) {
      const inputs = Object.entries(feeds).map(([name, { type, data, shape }]) => [
        name,
        new ort.Tensor(type as 'float32', data as Float32Array, shape),
      ]);
      const results = await session.run(
        Object.fromEntries(inputs) as ort.InferenceSession.FeedsType,
        outputs,
      );
      return Object.fromEntries(
        Object.entries(results).map(([name, { type, dims, data }]) => [
          name,
          { type: type as ElementType, shape: dims, data: data as HostArrays[ElementType] },
        ]),
      );
    },
    release: () => session.release(),
  };
}
