/** Where things are. */

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';

export const root = resolve(import.meta.dirname, '..', '..');
export const out = join(root, 'out');

/** Kept between clones: what takes minutes to install. */
export const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'longsight');

/** The software Vulkan driver that comes with Debian's chromium. */
const swiftShaderIcd = '/usr/lib/chromium/vk_swiftshader_icd.json';

/**
 * What a process needs in its environment to run WebGPU without a GPU. Empty where the driver is
 * absent, or where the user has chosen a Vulkan driver already.
 *
 * @returns {Record<string, string>}
 */
export function swiftShader() {
  if (process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES || !existsSync(swiftShaderIcd)) return {};
  return {
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? '/tmp',
    VK_ICD_FILENAMES: swiftShaderIcd,
    VK_DRIVER_FILES: swiftShaderIcd,
    LONGSIGHT_SWIFTSHADER: '1',
  };
}
