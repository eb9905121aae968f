/** One token in every head, as a Markdown table that reads well as plain text too. */

import type { InspectionSummary, Row } from '../protocol/inspection';
import { code, codeCell, count, figure, percent, plain, shorten } from './markdown';
import { describeChoice, describeSchedule } from '../protocol/choiceText';

export interface CompareContent {
  readonly name: string;
  readonly summary: InspectionSummary;
  readonly token: number;
  /** One row a head, in any order. */
  readonly rows: readonly Row[];
  readonly textOf: (token: number) => string;
}

const COLUMNS = ['layer', 'head', 'span', 'entropy', 'sink', 'strongest key', 'back', 'weight'] as const;

export function compareTable({ name, summary, token, rows, textOf }: CompareContent): string {
  const cells = rows
    .toSorted((a, b) => a.layer - b.layer || a.head - b.head)
    .map(row => rowCells(row, textOf));
  const widths = COLUMNS.map((title, column) =>
    Math.max(title.length, ...cells.map(row => [...row[column]!].length)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => pad(cell, widths[column]!, column)).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (isText(column) ? `:${'-'.repeat(width + 1)}` : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [
    `# Token ${count(token)} in every head`,
    '',
    `${code(shorten(textOf(token), 48))} in ${plain(name)}: ${plain(summary.model.name)}, ${plain(describeChoice(summary.variant) + describeSchedule(summary.schedule))}, ${summary.layers} layers of ${summary.heads} heads. Span: tokens back that hold 90 % of the mass. Entropy in nats. Sink: mass on the first tokens.`,
    '',
    line(COLUMNS),
    rule,
    ...cells.map(line),
    '',
  ].join('\n');
}

function rowCells(row: Row, textOf: (token: number) => string): readonly string[] {
  const key = row.keys[0];
  return [
    String(row.layer),
    String(row.head),
    count(row.span),
    figure(row.entropy, 2),
    percent(row.sink),
    key === undefined ? '–' : codeCell(shorten(textOf(key.index), 24)),
    key === undefined ? '–' : count(row.token - key.index),
    key === undefined ? '–' : row.distribution ? percent(key.weight) : figure(key.weight, 4),
  ];
}

function isText(column: number): boolean {
  return COLUMNS[column] === 'strongest key';
}

function pad(cell: string, width: number, column: number): string {
  const blanks = ' '.repeat(Math.max(0, width - [...cell].length));
  return isText(column) ? cell + blanks : blanks + cell;
}
