/** The program that copies a tensor into the memory of the device. */

import { GraphBuilder } from '../onnx/builder';
import type { Tensor } from '../onnx/tensor';
import type { DeviceProgram } from './sessions';

/** `tensor -> copy`, of any lengths. */
export function uploadProgram({ type, shape }: Tensor): DeviceProgram {
  const key = `upload/${type}/${shape.length}`;
  return {
    key,
    staysOnDevice: true,
    build() {
      const g = new GraphBuilder(key);
      g.output(
        'copy',
        g.input(
          'tensor',
          type,
          shape.map((_, axis) => `D${axis}`),
        ),
      );
      return g.build();
    },
  };
}
