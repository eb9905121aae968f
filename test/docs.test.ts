import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

import { variantTable } from '../src/engine/commands/report';
import { VARIANT_INFOS } from '../src/engine/schedule';

it('has the table of variants in the README as the list has it; `npm run docs` writes it', async () => {
  const readme = await readFile('README.md', 'utf8');
  const section = /<!-- variants: [^\n]*-->\n([\s\S]*?)\n<!-- \/variants -->/.exec(readme);
  expect(section?.[1]?.trim()).toBe(variantTable(VARIANT_INFOS));
});
