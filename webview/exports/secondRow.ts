/** The tables behind the row of a second variant. */

import type { Row } from '../../src/protocol/inspection';
import type { Texts } from '../texts';
import type { Table } from './table';
import { rowTables } from './tables';

/** Of a row's own tables; a menu that offered all twice would be too long. */
const WANTED: readonly string[] = ['top keys', 'pooled row', 'figures'];

export function secondRowTables(
  row: Row,
  { name, total, texts }: { readonly name: string; readonly total: number; readonly texts: Texts },
): readonly Table[] {
  const { beside } = row;
  const alone = [
    ...(beside?.lacks ?? []).map(key => ({ ...key, of: 'run' })),
    ...(beside?.adds ?? []).map(key => ({ ...key, of: 'second' })),
  ];
  return [
    ...rowTables(row, total, texts).filter(table => WANTED.includes(table.name)),
    {
      name: 'keys of one row alone',
      columns: {
        of: alone.map(({ of }) => of),
        key: alone.map(({ index }) => index),
        weight: alone.map(({ weight }) => weight),
        text: alone.map(({ index }) => texts.of(index)?.text),
      },
    },
  ].map(table => ({ ...table, name: `${table.name}, ${name}` }));
}
