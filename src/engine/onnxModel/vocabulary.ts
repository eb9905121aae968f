/** How many token ids a graph knows: the rows of the table that they are looked up in. */

import { type GraphIndex, inputOf } from './graphIndex';

const PASSES: readonly string[] = ['Cast', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten'];
/** Operators that look ids up: which input is the ids, which the table. */
const LOOKUPS: Readonly<Record<string, { readonly ids: number; readonly table: number }>> = {
  Gather: { ids: 1, table: 0 },
  GatherBlockQuantized: { ids: 1, table: 0 },
  EmbedLayerNormalization: { ids: 0, table: 2 },
};
const MOST_VALUES = 64;

/** @returns undefined where no such table is found. */
export function vocabularyOf(index: GraphIndex, ids: string): number | undefined {
  const values = [ids];
  for (let at = 0; at < values.length && at < MOST_VALUES; at++) {
    const value = values[at]!;
    for (const node of index.consumers(value)) {
      const lookup = LOOKUPS[node.opType];
      if (lookup !== undefined && node.input[lookup.ids] === value) {
        const rows = tableRows(index, inputOf(node, lookup.table));
        if (rows !== undefined) return rows;
      }
      if (PASSES.includes(node.opType)) values.push(node.output[0]!);
    }
  }
  return undefined;
}

/** Tables may be widened or unpacked on the way. */
function tableRows(index: GraphIndex, value: string | undefined): number | undefined {
  let name = value;
  for (let step = 0; step < 4 && name !== undefined; step++) {
    const table = index.initializer(name);
    if (table !== undefined) return table.dims.length === 2 ? Number(table.dims[0]) : undefined;
    name = index.producer(name)?.input[0];
  }
  return undefined;
}
