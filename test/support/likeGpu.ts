/** The CPU, used as a GPU is: it keeps what it is told to hold, and wants few shapes. */

import type { Tensor } from '../../src/engine/onnx/tensor';
import { createExecutor, type OrtExecutor } from '../../src/engine/runtime/executor';

export interface LikeGpu extends OrtExecutor {
  /** What is held now. */
  readonly held: ReadonlySet<Tensor>;
  /** Programs with the shapes of their feeds, each once. */
  readonly shapes: Set<string>;
}

export function likeGpu(): LikeGpu {
  const shapes = new Set<string>();
  const held = new Set<Tensor>();
  const executor = createExecutor('cpu', {
    observe: ({ program, shapes: fed }) => shapes.add(`${program}: ${fed}`),
  });
  return {
    ...executor,
    wantsFewShapes: true,
    held,
    shapes,
    holds: tensor => held.has(tensor),
    hold(...tensors) {
      for (const tensor of tensors) held.add(tensor);
      return {
        release() {
          for (const tensor of tensors) held.delete(tensor);
        },
      };
    },
  };
}
