import { existsSync } from 'node:fs';

import type { DeviceName } from '../../src/protocol/inspection';

/** Debian's chromium package brings a software Vulkan that ONNX Runtime's WebGPU provider accepts. */
const SOFTWARE_VULKAN = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** The CPU, and WebGPU wherever an adapter is known to be: WebGPU is a part of CI. */
export function devicesUnderTest(): readonly DeviceName[] {
  const hasAdapter = process.env['VK_ICD_FILENAMES'] !== undefined || existsSync(SOFTWARE_VULKAN);
  return hasAdapter ? ['cpu', 'webgpu'] : ['cpu'];
}
