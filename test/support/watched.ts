/** An executor that counts what its runs are given. */

import type { DeviceName } from '../../src/protocol/inspection';
import { createExecutor, type OrtExecutor } from '../../src/engine/runtime/executor';

export interface Watched {
  readonly executor: OrtExecutor;
  /** Programs with the shapes of their feeds, each once. */
  readonly shapes: Set<string>;
  /** Tensors copied to be kept on the device. */
  uploads: number;
  /** Bytes that crossed from host memory. */
  bytes: number;
  runs: number;
}

/** Fallback to the CPU is forbidden. */
export function watched(device: DeviceName): Watched {
  const shapes = new Set<string>();
  const counts = {
    shapes,
    uploads: 0,
    bytes: 0,
    runs: 0,
    executor: createExecutor(device, {
      strict: true,
      observe({ program, shapes: fed, bytes }) {
        // Layers run programs of their own over the same shapes, which compile once.
        shapes.add(`${program.replaceAll(/\d+/g, '')}: ${fed}`);
        counts.bytes += bytes;
        if (program.startsWith('upload/')) counts.uploads += 1;
        counts.runs += 1;
      },
    }),
  };
  return counts;
}
