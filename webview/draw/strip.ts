/** A row's mass over the whole document as a strip of colour: one of many, with the view marked. */

import type { Row } from '../../src/protocol/inspection';
import type { Range } from './axis';
import type { Palette } from './palette';
import type { Context, Size } from './pen';
import { line } from './pen';
import { poolMass } from './pool';
import { emphasis } from './arcs';

export function drawStrip(
  context: Context,
  size: Size,
  row: Row,
  range: Range,
  total: number,
  palette: Palette,
): void {
  const columns = Math.max(1, Math.floor(size.width / 2));
  const pooled = poolMass(row.profile, total, { start: 0, end: total }, columns);
  const greatest = pooled.reduce((most, mass) => Math.max(most, Math.abs(mass)), 0);
  const step = size.width / columns;
  context.fillStyle = palette.ramp.fill(0);
  context.fillRect(0, 0, size.width, size.height);
  for (let column = 0; column < columns; column++) {
    const mass = pooled[column]!;
    if (mass === 0 || greatest === 0) continue;
    context.fillStyle = palette.ramp.fill(emphasis(mass / greatest));
    context.fillRect(column * step, 0, Math.ceil(step), size.height);
  }
  context.strokeStyle = palette.foreground;
  context.lineWidth = 1;
  const x = Math.min(size.width - 1, ((row.token + 0.5) / total) * size.width) - 0.5;
  line(context, x, 0, x, size.height);
  if (range.end - range.start < total) {
    const from = (range.start / total) * size.width;
    const width = Math.max(3, ((range.end - range.start) / total) * size.width);
    context.strokeRect(from + 0.5, 0.5, width - 1, size.height - 1);
  }
  if (!palette.contrast) return;
  context.strokeStyle = palette.line;
  context.strokeRect(0.5, 0.5, size.width - 1, size.height - 1);
}
