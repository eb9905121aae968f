/** The tables behind the views, made from what the engine answered. */

import type { Overview, Row, StatName, Structure, TokenStats } from '../../src/protocol/inspection';
import { STAT_NAMES } from '../../src/protocol/inspection';
import type { Memory, SlotMemory, StateMemory } from '../../src/protocol/memory';
import type { Texts } from '../texts';
import type { Cell, Table } from './table';

type Columns = Record<string, ArrayLike<Cell>>;

/** Fields of a list of things, each a column. */
function columnsOf<T>(list: readonly T[], fields: Readonly<Record<string, (of: T) => Cell>>): Columns {
  return Object.fromEntries(Object.entries(fields).map(([name, read]) => [name, list.map(of => read(of))]));
}

export function overviewTable({ layers, heads, stats }: Overview): Table {
  const places = Array.from({ length: layers * heads }, (_, at) => at);
  return {
    name: 'heads',
    columns: {
      ...columnsOf(places, { layer: at => Math.floor(at / heads), head: at => at % heads }),
      ...known(stats),
    },
  };
}

/** Every token of one head. */
export function statsTable(stats: TokenStats): Table {
  const token = Array.from(stats.span, (_, at) => at);
  return { name: 'tokens', columns: { token, ...known(stats) } };
}

/** What only a shadow run has. */
const BESIDE: readonly StatName[] = ['recall', 'error'];

/** The statistics that the run has. */
function known(stats: Readonly<Record<StatName, Float32Array>>): Columns {
  return Object.fromEntries(
    STAT_NAMES.filter(name => !BESIDE.includes(name) || stats[name].some(Number.isFinite)).map(name => [
      name,
      stats[name],
    ]),
  );
}

export function rowTables(row: Row, total: number, texts: Texts): readonly Table[] {
  const { keys, histogram, profile, against, token } = row;
  const cell = total / profile.length;
  const bins = Array.from(histogram.mass.keys());
  const cells = Array.from(profile.keys());
  return [
    {
      name: 'top keys',
      columns: columnsOf(keys, {
        key: ({ index }) => index,
        back: ({ index }) => token - index,
        weight: ({ weight }) => weight,
        text: ({ index }) => texts.of(index)?.text,
      }),
    },
    {
      name: 'mass by distance',
      columns: {
        ...columnsOf(bins, { from: bin => histogram.edges[bin], to: bin => histogram.edges[bin + 1] }),
        mass: histogram.mass,
      },
    },
    {
      name: 'pooled row',
      columns: {
        ...columnsOf(cells, { from: at => at * cell, to: at => (at + 1) * cell }),
        mass: profile,
      },
    },
    rowsTable([row]),
    ...(against === undefined
      ? []
      : [
          {
            name: 'missed dense keys',
            columns: columnsOf(against.missed, {
              key: ({ index }) => index,
              weight: ({ weight }) => weight,
              text: ({ index }) => texts.of(index)?.text,
            }),
          },
        ]),
  ];
}

/** The figures of rows, one a line. */
export function rowsTable(rows: readonly Row[]): Table {
  return {
    name: 'figures',
    columns: columnsOf(rows, {
      layer: row => row.layer,
      head: row => row.head,
      token: row => row.token,
      span: row => row.span,
      entropy: row => row.entropy,
      sink: row => row.sink,
      peak: row => row.peak,
      admitted: row => row.admitted,
      listed: row => row.mass,
      recall: row => row.against?.recall,
      error: row => row.against?.error,
    }),
  };
}

export function structureTable({ nodes }: Structure): Table {
  return {
    name: 'nodes',
    columns: {
      node: Array.from(nodes.keys()),
      ...columnsOf(nodes, {
        parent: node => (node.parent < 0 ? undefined : node.parent),
        kind: node => node.kind,
        label: node => node.label,
        mass: node => node.mass,
        ranges: node => rangesText(node.ranges),
      }),
    },
  };
}

/** `0-16 32-48`: half-open stretches of token positions. */
function rangesText(ranges: Int32Array): string {
  const stretches = Array.from({ length: ranges.length >> 1 }, (_, at) => at * 2);
  return stretches.map(at => `${ranges[at]}-${ranges[at + 1]}`).join(' ');
}

export function memoryTables(memory: Memory): readonly Table[] {
  return memory.kind === 'slots' ? [slotTable(memory)] : stateTables(memory);
}

function slotTable({ slots }: SlotMemory): Table {
  return {
    name: 'slots',
    columns: columnsOf(slots, {
      label: slot => slot.label,
      status: slot => slot.status,
      since: slot => slot.since,
      ranges: slot => rangesText(slot.ranges),
      tokens: slot => slot.tokens,
      age: slot => slot.age,
      read: slot => slot.read,
      strength: slot => slot.strength,
    }),
  };
}

function stateTables(memory: StateMemory): readonly Table[] {
  const { at, norm, rank, written, beta, read, directions, overwrites, halfLives } = memory;
  const near = directions.flatMap(({ energy, read: share, tokens }, direction) =>
    tokens.map(({ token, cosine }) => ({ direction, energy, share, token, cosine })),
  );
  return [
    {
      name: 'state over time',
      columns: { token: at, norm, rank, written, ...(beta === undefined ? {} : { beta }), read },
    },
    {
      name: 'directions',
      columns: columnsOf(near, {
        direction: of => of.direction,
        energy: of => of.energy,
        read: of => of.share,
        token: of => of.token,
        cosine: of => of.cosine,
      }),
    },
    ...(overwrites.length === 0
      ? []
      : [
          {
            name: 'overwrites',
            columns: columnsOf(overwrites, {
              written: of => of.written,
              token: of => of.token,
              share: of => of.share,
              amount: of => of.amount,
            }),
          },
        ]),
    ...(halfLives.length === 0 ? [] : [{ name: 'half-lives', columns: { halfLife: halfLives } }]),
  ];
}
