/** An inspection as one JSON file, written piece by piece: the whole of it may be larger than a string can be. */

import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { STAT_NAMES } from '../protocol/inspection';
import { Problem } from '../protocol/problem';
import { writeReason } from './files';
import type { Inspection } from './inspection';

/** @throws Problem where the file cannot be written. */
export async function writeInspection(inspection: Inspection, name: string, file: string): Promise<void> {
  await writePieces(pieces(inspection, name), file);
}

/** @throws Problem where the file cannot be written. */
export async function writePieces(text: Iterable<string>, file: string): Promise<void> {
  await pipeline(Readable.from(text), createWriteStream(file)).catch((error: unknown) => {
    throw new Problem(`${file} could not be written: ${writeReason(error)}. Choose another place.`);
  });
}

function* pieces(inspection: Inspection, name: string): Generator<string> {
  const { text, table } = inspection.subject.source;
  const { layers, heads, stats } = inspection.overview();
  yield `{"name":${JSON.stringify(name)},\n"summary":${JSON.stringify(inspection.summary())},\n`;
  yield `"text":${JSON.stringify(text)},\n"tokens":{"ids":`;
  yield numbers(table.ids);
  yield ',\n"starts":';
  yield numbers(table.starts);
  yield ',\n"ends":';
  yield numbers(table.ends);
  yield '},\n"losses":';
  yield numbers(inspection.losses);
  yield `,\n"overview":{"layers":${layers},"heads":${heads},"stats":${record(stats)}},\n"heads":[`;
  for (let layer = 0; layer < layers; layer++) {
    for (let head = 0; head < heads; head++) {
      const of = inspection.stats({ layer, head });
      yield `${layer + head === 0 ? '' : ','}\n{"layer":${layer},"head":${head},"stats":{`;
      for (const [at, stat] of STAT_NAMES.entries()) {
        yield `${at === 0 ? '' : ',\n'}"${stat}":${numbers(of[stat])}`;
      }
      yield '}}';
    }
  }
  yield ']}\n';
}

/** With all digits; null for what is not a finite number. */
function numbers(values: ArrayLike<number>): string {
  return JSON.stringify(Array.from(values));
}

function record(arrays: Readonly<Record<string, Float32Array>>): string {
  return `{${Object.entries(arrays)
    .map(([name, values]) => `"${name}":${numbers(values)}`)
    .join(',')}}`;
}
