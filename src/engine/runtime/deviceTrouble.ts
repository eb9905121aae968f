/** What goes wrong with a device, in words for a person. */

import type { DeviceName } from '../../protocol/inspection';
import { Problem } from '../../protocol/problem';

const TITLES: Readonly<Record<DeviceName, string>> = {
  cpu: 'CPU',
  webgpu: 'WebGPU',
  cuda: 'CUDA',
  dml: 'DirectML',
  coreml: 'CoreML',
};

export function deviceTitle(device: DeviceName): string {
  return TITLES[device];
}

const LONGEST_REASON = 200;

/** The last words of what the runtime says: it names its own source first, then the condition that failed. */
export function reasonOf(error: unknown): string {
  const first = error instanceof Problem && error.cause !== undefined ? error.cause : error;
  const [line = ''] = (first instanceof Error ? first.message : String(first)).trim().split('\n');
  const words = line
    .replace(/^.*Status Message: /, '')
    .replace(/^.* was false\. /, '')
    .replace(/^\S+\.(?:cc|cpp|h):\d+ \S+ /, '');
  return words.replace(/[.\s]+$/, '').slice(0, LONGEST_REASON);
}

/**
 * Runs `work`; a failure there is for the user to mend when another device could do it. On the CPU it is a
 * defect and stays what it is.
 *
 * @throws Problem
 */
export async function onDevice<T>(device: DeviceName, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (device === 'cpu' || error instanceof Problem) throw error;
    const failed = `${deviceTitle(device)} failed: ${reasonOf(error)}.`;
    throw new Problem(`${failed} Choose the CPU as the device.`, { cause: error });
  }
}
