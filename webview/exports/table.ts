/** The numbers behind a view, column by column, as CSV and JSON with all their digits. */

export type Cell = number | string | boolean | undefined | null;

export interface Table {
  /** Such as `top keys`. */
  readonly name: string;
  /** Columns of one length, by name. */
  readonly columns: Readonly<Record<string, ArrayLike<Cell>>>;
}

/** A table whose numbers the page does not hold: they are fetched when it is saved. */
export interface TableToCome {
  readonly name: string;
  load(): Promise<Table>;
}

export async function loaded(table: Table | TableToCome): Promise<Table> {
  return 'load' in table ? await table.load() : table;
}

/** What an export is of, such as the model's name and the head's place. */
export type About = Readonly<Record<string, unknown>>;

/** RFC 4180, in UTF-8; what is no finite number is an empty field. */
export function csvOf({ columns }: Table): string {
  const lists = Object.values(columns);
  const rows = Math.max(0, ...lists.map(list => list.length));
  const lines = [Object.keys(columns).map(field).join(',')];
  for (let row = 0; row < rows; row++) lines.push(lists.map(list => field(list[row])).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

function field(cell: Cell): string {
  if (cell === undefined || cell === null) return '';
  if (typeof cell === 'number') return Number.isFinite(cell) ? String(cell) : '';
  if (typeof cell === 'boolean') return String(cell);
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** One object; every table stands under its name as columns. What is no finite number is null. */
export function jsonOf(about: About, tables: readonly Table[]): string {
  const written = tables.map(({ name, columns }) => {
    const lists = Object.entries(columns).map(
      ([key, list]) => `${JSON.stringify(key)}:${JSON.stringify(Array.from(list, plain))}`,
    );
    return `${JSON.stringify(name)}:{\n${lists.join(',\n')}}`;
  });
  return `{"about":${JSON.stringify(about)},\n"tables":{${written.join(',\n')}}}\n`;
}

function plain(cell: Cell): Cell {
  return cell ?? null;
}
