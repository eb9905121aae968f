/** Chooses an execution provider: one that is present and computes what the CPU computes. */

import type { DeviceChoice, DeviceInfo, DeviceName, Precision } from '../../protocol/inspection';
import { deviceTitle } from './deviceTrouble';
import { createExecutor, KEEPS_TENSORS, type OrtExecutor } from './executor';
import { refusal } from './probe';
import { hasVulkanDriver } from './vulkan';

/** Best first. */
const PREFERENCE: readonly DeviceName[] = ['cuda', 'webgpu', 'dml', 'coreml'];

/** Providers that ONNX Runtime has for a platform; it ignores the others without a word. */
const PLATFORMS: Readonly<Record<DeviceName, readonly NodeJS.Platform[]>> = {
  cpu: ['linux', 'win32', 'darwin'],
  webgpu: ['linux', 'win32', 'darwin'],
  cuda: ['linux', 'win32'],
  dml: ['win32'],
  coreml: ['darwin'],
};

export interface OpenDevice {
  readonly info: DeviceInfo;
  readonly executor: OrtExecutor;
}

/**
 * Never fails for want of a GPU, or of its half precision: falls back to the CPU, and to float32, and says why in
 * `info.fallback`.
 */
export async function openDevice(
  choice: DeviceChoice,
  precision: Precision = 'float32',
): Promise<OpenDevice> {
  const open = await openProvider(choice);
  return precision === 'float16' ? inHalves(open) : open;
}

async function openProvider(choice: DeviceChoice): Promise<OpenDevice> {
  if (choice === 'cpu') return onCpu(undefined);
  const candidates =
    choice === 'auto' ? PREFERENCE.filter(device => absence(device) === undefined) : [choice];
  const reasons: string[] = [];
  for (const name of candidates) {
    const executor = createExecutor(name);
    const probed = { precision: 'float32', timed: choice === 'auto' } as const;
    const reason = absence(name) ?? (await refusal(executor, probed));
    if (reason === undefined) return { info: { name, precision: 'float32', fallback: undefined }, executor };
    reasons.push(reason);
    await executor.release();
  }
  return onCpu(choice === 'auto' ? undefined : `${reasons.join('; ')}. The CPU is used instead.`);
}

function onCpu(fallback: string | undefined): OpenDevice {
  return { info: { name: 'cpu', precision: 'float32', fallback }, executor: createExecutor('cpu') };
}

/** The device in float16 where it computes in that itself; as it is, with the reason, elsewhere. */
async function inHalves({ info, executor }: OpenDevice): Promise<OpenDevice> {
  const { name } = info;
  const reason =
    name === KEEPS_TENSORS
      ? await halvesRefusal(name)
      : `float16 is offered on ${deviceTitle(KEEPS_TENSORS)} only, not on ${deviceTitle(name)}`;
  if (reason === undefined) {
    await executor.release();
    const precision = 'float16';
    return { info: { ...info, precision }, executor: createExecutor(name, { precision }) };
  }
  const told = `${reason}. Everything is computed in float32 instead.`;
  return { executor, info: { ...info, fallback: [info.fallback, told].filter(Boolean).join(' ') } };
}

/** Where the device lacks kernels for halves, the CPU would step in and the numbers be right: that is forbidden here. */
async function halvesRefusal(name: DeviceName): Promise<string | undefined> {
  const executor = createExecutor(name, { precision: 'float16', strict: true });
  try {
    return await refusal(executor, { precision: 'float16', timed: false });
  } finally {
    await executor.release();
  }
}

/** Why a device cannot be here, as far as is known without asking the runtime; undefined when it may be. */
function absence(device: DeviceName): string | undefined {
  const { platform } = process;
  if (!PLATFORMS[device].includes(platform)) return `${deviceTitle(device)} does not exist on ${platform}`;
  if (device === 'webgpu' && platform === 'linux' && !hasVulkanDriver()) {
    return 'WebGPU needs a Vulkan driver, and none was found';
  }
  return undefined;
}
