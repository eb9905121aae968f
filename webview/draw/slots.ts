/** Where a memory's slots lie in the document: readable ones as blocks, evicted ones as a thin line. */

import type { MemorySlot, SlotMemory } from '../../src/protocol/memory';
import { emphasis } from './arcs';
import type { Range } from './axis';
import { axisOf } from './axis';
import type { Palette } from './palette';
import type { Context, Size } from './pen';
import { drawMarker, drawTicks, drawWindow } from './pen';

export const SLOTS_HEIGHT = 62;

const TOP = 10;
const BASE = 36;
/** Height of what was evicted. */
const THIN = 4;
/** Strength of the colour of what can be read and is not. */
const UNREAD = 0.18;

export interface SlotsData {
  readonly memory: SlotMemory;
  readonly range: Range;
  readonly total: number;
  readonly active: number | undefined;
}

/** The slot under a pixel, the most read first; undefined where there is none. */
export function slotAt({ memory, range, total }: SlotsData, width: number, x: number): number | undefined {
  const token = axisOf(range, total, width).tokenAt(x);
  const found = memory.slots.findIndex(slot =>
    eachRange(slot).some(([from, to]) => token >= from && token < to),
  );
  return found < 0 ? undefined : found;
}

export function drawSlots(context: Context, size: Size, data: SlotsData, palette: Palette): void {
  const { memory, range, total } = data;
  const axis = axisOf(range, total, size.width);
  const most = memory.slots.reduce(
    (greatest, { status, read }) => (status === 'open' ? greatest : Math.max(greatest, read)),
    0,
  );
  context.save();
  context.beginPath();
  context.rect(axis.left, 0, axis.right - axis.left, size.height);
  context.clip();
  context.fillStyle = palette.shade;
  context.fillRect(axis.x(0), TOP, axis.x(total) - axis.x(0), BASE - TOP);
  // The least read first, so that what is read most lies on top.
  for (let place = memory.slots.length - 1; place >= 0; place--) {
    const slot = memory.slots[place]!;
    const isEvicted = slot.status === 'evicted' && (slot.since ?? 0) <= memory.token;
    for (const [from, to] of eachRange(slot)) {
      if (to < range.start || from > range.end) continue;
      const x = axis.x(from);
      const width = Math.max(1, axis.x(to) - x - (axis.step > 3 ? 1 : 0));
      if (isEvicted) {
        context.fillStyle = place === data.active ? palette.foreground : palette.muted;
        context.fillRect(x, (TOP + BASE - THIN) / 2, width, THIN);
        continue;
      }
      if (slot.status === 'open') {
        context.strokeStyle = palette.mass;
        context.lineWidth = 1;
        context.strokeRect(x + 0.5, TOP + 0.5, Math.max(1, width - 1), BASE - TOP - 1);
      } else {
        const part = most > 0 ? emphasis(slot.read / most) : 0;
        context.fillStyle = palette.ramp.fill(UNREAD + (1 - UNREAD) * part);
        context.fillRect(x, TOP, width, BASE - TOP);
      }
      if (place === data.active || (palette.contrast && slot.status !== 'open')) {
        context.strokeStyle = place === data.active ? palette.foreground : palette.line;
        context.strokeRect(x + 0.5, TOP + 0.5, Math.max(1, width - 1), BASE - TOP - 1);
      }
    }
  }
  context.restore();
  const x = axis.x(memory.token + 0.5);
  if (x >= axis.left && x <= axis.right) drawMarker(context, x, TOP - 8, BASE, palette);
  drawTicks(context, axis, BASE + 2, palette);
  drawWindow(context, axis, size.height - 3, palette);
}

function eachRange({ ranges }: MemorySlot): (readonly [number, number])[] {
  return Array.from({ length: ranges.length >> 1 }, (_, at) => [ranges[2 * at]!, ranges[2 * at + 1]!]);
}
