/** Where things are, from the bundle and from the sources alike. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const root = above(__dirname);
export const model = join(root, 'models', 'lab-base');
export const results = join(root, 'bench', 'results');

function above(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : above(dirname(folder));
}
