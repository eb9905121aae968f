/** A variant's structure along the document: one band a depth, one box a node. */

import { stratify } from 'd3-hierarchy';
import type { Structure, StructureNode } from '../../src/protocol/inspection';
import type { Axis, Range } from './axis';
import { axisOf } from './axis';
import type { Palette } from './palette';
import type { Context, Size } from './pen';
import { clipped, drawTicks, drawWindow, line, setFont } from './pen';
import { emphasis } from './arcs';

const BAND = 24;
const BOTTOM = 24;

/** Depth of every node, roots at 0, and the number of depths. */
export interface Depths {
  readonly of: Int32Array;
  readonly count: number;
}

export function depthsOf({ nodes }: Structure): Depths {
  const depths = new Int32Array(nodes.length);
  if (nodes.length === 0) return { of: depths, count: 0 };
  interface Entry {
    readonly id: string;
    readonly parent: string | undefined;
  }
  const entries: Entry[] = [{ id: 'all', parent: undefined }];
  nodes.forEach((node, index) => {
    entries.push({ id: String(index), parent: node.parent < 0 ? 'all' : String(node.parent) });
  });
  const root = stratify<Entry>()
    .id(entry => entry.id)
    .parentId(entry => entry.parent)(entries);
  root.each(node => {
    if (node.data.id !== 'all') depths[Number(node.data.id)] = node.depth - 1;
  });
  return { of: depths, count: root.height };
}

/** True when every node is one run of tokens, so that a box along the document tells it whole. */
export function contiguous({ nodes }: Structure): boolean {
  return nodes.every(node => node.ranges.length <= 2);
}

export interface Box {
  readonly node: number;
  readonly depth: number;
  readonly x: number;
  readonly width: number;
}

/** Boxes of the nodes in view. */
export function icicleLayout(structure: Structure, depths: Depths, axis: Axis): readonly Box[] {
  const boxes: Box[] = [];
  structure.nodes.forEach(({ ranges }, node) => {
    for (let at = 0; at + 1 < ranges.length; at += 2) {
      const start = ranges[at]!;
      const end = ranges[at + 1]!;
      if (end <= axis.range.start || start >= axis.range.end) continue;
      const x = Math.max(axis.left, axis.x(start));
      boxes.push({ node, depth: depths.of[node]!, x, width: Math.min(axis.right, axis.x(end)) - x });
    }
  });
  return boxes;
}

export function icicleHeight(depths: Depths): number {
  return depths.count * BAND + BOTTOM;
}

/** The node under a point; of several boxes in one pixel the heaviest. */
export function nodeAt(
  boxes: readonly Box[],
  nodes: readonly StructureNode[],
  x: number,
  y: number,
): number | undefined {
  const depth = Math.floor(y / BAND);
  let best: number | undefined;
  for (const box of boxes) {
    if (box.depth !== depth || x < box.x - 0.5 || x > box.x + Math.max(1, box.width) + 0.5) continue;
    if (best === undefined || (nodes[box.node]?.mass ?? 0) > (nodes[best]?.mass ?? 0)) best = box.node;
  }
  return best;
}

export interface IcicleData {
  readonly structure: Structure;
  readonly depths: Depths;
  readonly range: Range;
  readonly total: number;
  readonly token: number | undefined;
  readonly active: number | undefined;
}

/** A label that fits, or the number it ends with, or nothing. */
function boxLabel(context: Context, label: string, width: number): string {
  if (width < 6) return '';
  if (context.measureText(label).width <= width) return label;
  const number = /[\d,.]+$/.exec(label)?.[0] ?? '';
  if (number !== '' && context.measureText(number).width <= width) return number;
  return width < 48 ? '' : clipped(context, label, width);
}

export function drawIcicle(context: Context, size: Size, data: IcicleData, palette: Palette): void {
  const { structure, depths, range, total } = data;
  const axis = axisOf(range, total, size.width);
  const boxes = icicleLayout(structure, depths, axis);
  setFont(context, palette, 10);
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  // Light ones first: where boxes share a pixel the heaviest is seen.
  const marker =
    data.token !== undefined && data.token >= range.start && data.token < range.end
      ? axis.x(data.token + 0.5) - 0.5
      : undefined;
  const mass = (box: Box): number => structure.nodes[box.node]?.mass ?? Number.NaN;
  for (const box of boxes.toSorted((a, b) => (mass(a) || 0) - (mass(b) || 0))) {
    const y = box.depth * BAND;
    const gap = box.width > 3 ? 1 : 0;
    const known = Number.isFinite(mass(box));
    const place = known ? emphasis(mass(box)) : 0;
    context.fillStyle = known ? palette.ramp.fill(place) : palette.shade;
    const width = Math.max(0.75, box.width - gap);
    context.fillRect(box.x, y, width, BAND - 1);
    if (palette.contrast && box.width > 4) {
      context.strokeStyle = palette.line;
      context.lineWidth = 1;
      context.strokeRect(box.x + 0.5, y + 0.5, width - 1, BAND - 2);
    }
    context.fillStyle = known ? palette.ramp.ink(place) : palette.foreground;
    const label = boxLabel(context, structure.nodes[box.node]!.label, box.width - 8);
    const length = context.measureText(label).width;
    // A label that the marker would cross stands behind it, or not at all.
    const isCrossed = marker !== undefined && marker > box.x + 2 && marker < box.x + 6 + length;
    const x = isCrossed ? marker + 4 : box.x + 4;
    if (label !== '' && x + length <= box.x + width) context.fillText(label, x, y + BAND / 2);
  }
  const chosen = data.active;
  if (chosen !== undefined) {
    context.strokeStyle = palette.outline;
    context.lineWidth = 2;
    for (const box of boxes) {
      if (box.node === chosen) {
        context.strokeRect(box.x, box.depth * BAND + 1, Math.max(2, box.width - 1), BAND - 3);
      }
    }
  }
  const base = depths.count * BAND;
  if (marker !== undefined) {
    context.strokeStyle = palette.foreground;
    context.lineWidth = 1;
    line(context, marker, 0, marker, base);
  }
  drawTicks(context, axis, base, palette);
  drawWindow(context, axis, size.height - 3, palette);
}
