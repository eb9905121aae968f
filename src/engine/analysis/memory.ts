/** What a person is told of what a mixer remembers, with the mass that a row reads from it. */

import type { RowRef } from '../../protocol/inspection';
import type { Memory, MemorySlot } from '../../protocol/memory';
import type { Slot, SlotContents } from '../variants/primitives/memory';
import type { Mixer } from '../variants/primitives/mixer';
import { describeState } from './state';
import { massBefore } from './structure';

interface MemoryOptions {
  readonly ref: RowRef;
  /** Such as `Memory of Delta rule`. */
  readonly title: string;
  /** `N` */
  readonly tokens: number;
  /** At most so many slots or overwrites. */
  readonly limit: number;
}

/** Stretches of a slot that are named, the latest ones. */
const RANGES = 32;

/** Undefined where the mixer has no memory but the keys themselves. */
export async function describeMemory(mixer: Mixer, options: MemoryOptions): Promise<Memory | undefined> {
  const { ref, title, tokens, limit } = options;
  const contents = await mixer.memoryAt?.(ref.head, ref.token);
  if (contents === undefined) return undefined;
  const { memory = 0 } = mixer;
  const before = massBefore(await mixer.row(ref.head, ref.token), memory + tokens);
  const total = before.at(-1)!;
  /** Of positions as in rows. */
  const share = (start: number, end: number) => (total === 0 ? 0 : (before[end]! - before[start]!) / total);
  const { layer, head, token } = ref;
  const of = { layer, head, token, title, about: contents.about };
  if (contents.kind === 'slots') {
    return {
      kind: 'slots',
      ...of,
      ...describeSlots(contents, { position: token + memory, memory, share, limit }),
    };
  }
  const massOf = (start: number, end: number) => share(memory + start, memory + end);
  return { kind: 'state', ...of, ...(await describeState(contents, { token, massOf, limit })) };
}

interface SlotOptions {
  /** The query's, as in rows. */
  readonly position: number;
  /** Positions before the document. */
  readonly memory: number;
  share(start: number, end: number): number;
  readonly limit: number;
}

function describeSlots({ strength, slots }: SlotContents, options: SlotOptions) {
  const { limit } = options;
  const described = slots.map(slot => describeSlot(slot, options));
  const tokensOf = (...statuses: readonly MemorySlot['status'][]) =>
    described.reduce((sum, { status, tokens }) => (statuses.includes(status) ? sum + tokens : sum), 0);
  const read = described.reduce((sum, slot) => (slot.status === 'open' ? sum : sum + slot.read), 0);
  const order = described
    .map((slot, at) => ({ slot, at }))
    .sort(
      (a, b) => b.slot.read - a.slot.read || (b.slot.strength ?? 0) - (a.slot.strength ?? 0) || b.at - a.at,
    );
  return {
    strength,
    slots: order.slice(0, limit).map(({ slot }) => slot),
    total: slots.length,
    held: tokensOf('kept', 'retrieved'),
    evicted: tokensOf('evicted'),
    read,
  };
}

function describeSlot(slot: Slot, { position, memory, share }: SlotOptions): MemorySlot {
  const { label, status, ranges, since, segments, strength } = slot;
  let tokens = 0;
  let read = 0;
  for (let at = 0; at < ranges.length; at += 2) {
    tokens += ranges[at + 1]! - ranges[at]!;
    read += share(ranges[at]!, ranges[at + 1]!);
  }
  return {
    label,
    status,
    since: since === undefined ? undefined : Math.max(0, since - memory),
    ranges: within(ranges, memory, Infinity)
      .map(at => at - memory)
      .slice(-2 * RANGES),
    given: within(ranges, 0, memory).slice(-2 * RANGES),
    tokens,
    age: ranges.length === 0 ? undefined : Math.max(0, position - (ranges.at(-1)! - 1)),
    segments,
    read,
    strength,
  };
}

/** What pairs leave between two positions. */
function within(ranges: Int32Array, from: number, to: number): Int32Array {
  const kept: number[] = [];
  for (let at = 0; at < ranges.length; at += 2) {
    const [start, end] = [Math.max(from, ranges[at]!), Math.min(to, ranges[at + 1]!)];
    if (start < end) kept.push(start, end);
  }
  return Int32Array.from(kept);
}
