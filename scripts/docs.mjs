/** `npm run docs`: writes the table of variants into README.md, from the built command line. */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { root } from './lib/paths.mjs';

const readme = join(root, 'README.md');
const table = execFileSync(process.execPath, [join(root, 'dist', 'cli.js'), 'variants'], {
  encoding: 'utf8',
});
const text = readFileSync(readme, 'utf8');
const section = /(<!-- variants: [^\n]*-->\n)[\s\S]*?(\n<!-- \/variants -->)/;
if (!section.test(text)) throw new Error('README.md has no section between the variants markers.');
writeFileSync(
  readme,
  text.replace(section, (_, open, close) => `${open}\n${table.trim()}\n${close}`),
);
