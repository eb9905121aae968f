/** Whether this Linux has a Vulkan driver, which WebGPU needs; asking the loader itself is slow and noisy. */

import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export function hasVulkanDriver(): boolean {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, VK_ADD_DRIVER_FILES, XDG_DATA_DIRS } = process.env;
  const named = [VK_DRIVER_FILES, VK_ICD_FILENAMES, VK_ADD_DRIVER_FILES].flatMap(
    list => list?.split(':') ?? [],
  );
  if (named.some(file => file !== '' && existsSync(file))) return true;
  const shared = (XDG_DATA_DIRS ?? '/usr/local/share:/usr/share').split(':');
  const places = ['/etc', ...shared, join(homedir(), '.local', 'share')];
  return places.some(place => hasFiles(join(place, 'vulkan', 'icd.d')));
}

function hasFiles(folder: string): boolean {
  try {
    return readdirSync(folder).length > 0;
  } catch {
    return false;
  }
}
