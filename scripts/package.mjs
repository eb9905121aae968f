/** `npm run package [-- TARGET]`: makes out/longsight-TARGET.vsix, for this platform when not told. */

import process from 'node:process';

import { script } from './lib/run.mjs';
import { packageVsix } from './lib/vsix.mjs';

await script(async () => {
  await packageVsix(process.argv[2]);
});
