/** The process that runs exported graphs, bundled for tests that run the engine from its sources. */

import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..', '..');
/** Beside the command lines that tests bundle, and below the runtime's packages. */
export const GRAPH_PROGRAM = join(ROOT, 'out', 'graph.js');

let built: Promise<void> | undefined;

/** Makes the bundle, once a process: others may run it meanwhile. */
export function buildGraphProgram(): Promise<void> {
  return (built ??= makeBundle());
}

async function makeBundle(): Promise<void> {
  const outfile = `${GRAPH_PROGRAM}.${process.pid}`;
  await build({
    entryPoints: [join(ROOT, 'src', 'engine', 'exported', 'graphMain.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['onnxruntime-node'],
  });
  await rename(outfile, GRAPH_PROGRAM);
}
