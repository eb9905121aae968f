/** What the command line prints of a memory. */

import type { Memory, MemorySlot, SlotMemory, StateMemory } from '../../protocol/memory';

type TextOf = (token: number) => string;

/** Characters of a slot's text that a line shows. */
const SHOWN = 40;
/** Samples of a state's history that the text lists; JSON has them all. */
const SAMPLES = 8;

/** Arrays as plain lists, with the texts of tokens beside their positions. */
export function memoryJson(memory: Memory, textOf: TextOf): unknown {
  if (memory.kind === 'slots') {
    const slots = memory.slots.map(slot => ({ ...slot, text: slotText(slot, textOf) }));
    return plain({ ...memory, slots });
  }
  const named = (token: number) => ({ token, text: textOf(token) });
  return plain({
    ...memory,
    directions: memory.directions.map(direction => ({
      ...direction,
      tokens: direction.tokens.map(({ token, cosine }) => ({ ...named(token), cosine })),
    })),
    overwrites: memory.overwrites.map(overwrite => ({
      ...overwrite,
      tokenText: textOf(overwrite.token),
      writtenText: textOf(overwrite.written),
    })),
  });
}

export function memoryText(memory: Memory, textOf: TextOf): string {
  const lines = memory.kind === 'slots' ? slotLines(memory, textOf) : stateLines(memory, textOf);
  return [memory.title, memory.about, ...lines].join('\n');
}

function slotLines(memory: SlotMemory, textOf: TextOf): string[] {
  const { slots, total, strength } = memory;
  const columns = ['read'.padStart(8), 'age'.padStart(8), 'status'.padStart(18)];
  if (strength !== undefined) columns.push(strength.title.padStart(12));
  return [
    `${percent(memory.read)} of the row is read from memory; ${memory.held} tokens held, ${memory.evicted} evicted; ${slots.length} of ${total} slots`,
    '',
    `${columns.join('')}  slot`,
    ...slots.map(slot => {
      const cells = [
        percent(slot.read).padStart(8),
        String(slot.age ?? '-').padStart(8),
        showStatus(slot, memory.token).padStart(18),
      ];
      if (strength !== undefined) cells.push((slot.strength?.toPrecision(3) ?? '-').padStart(12));
      return `${cells.join('')}  ${slot.label} ${JSON.stringify(slotText(slot, textOf))}`;
    }),
  ];
}

function showStatus({ status, since }: MemorySlot, token: number): string {
  if (since === undefined) return status;
  return `${since > token ? 'to be ' : ''}${status} at ${since}`;
}

/** The start of what a slot was made from. */
function slotText({ ranges }: MemorySlot, textOf: TextOf): string {
  const parts: string[] = [];
  let length = 0;
  for (let at = 0; at < ranges.length && length < SHOWN; at += 2) {
    if (at > 0) parts.push(' … ');
    for (let token = ranges[at]!; token < ranges[at + 1]! && length < SHOWN; token++) {
      const text = textOf(token);
      parts.push(text);
      length += text.length;
    }
  }
  return parts.join('');
}

function stateLines(memory: StateMemory, textOf: TextOf): string[] {
  const { at, norm, rank, written, read, halfLives } = memory;
  const quoted = (token: number) => `${token} ${JSON.stringify(textOf(token))}`;
  const step = Math.max(1, Math.ceil(at.length / SAMPLES));
  const samples = Array.from(at, (_, t) => t).filter(t => (at.length - 1 - t) % step === 0);
  const share = (t: number) => read.subarray(Math.max(0, t - step + 1), t + 1).reduce((sum, x) => sum + x, 0);
  return [
    `state ${memory.rows} x ${memory.columns}${showHalfLives(halfLives)}`,
    '',
    `${'token'.padStart(8)}${'norm'.padStart(12)}${'rank'.padStart(8)}${'a write'.padStart(12)}${'read since'.padStart(12)}`,
    ...samples.map(
      t =>
        `${String(at[t]).padStart(8)}${norm[t]!.toPrecision(4).padStart(12)}${rank[t]!.toFixed(2).padStart(8)}` +
        `${written[t]!.toPrecision(4).padStart(12)}${percent(share(t)).padStart(12)}`,
    ),
    '',
    ...memory.directions.map(({ energy, read: part, tokens }, place) => {
      const near = tokens.map(({ token, cosine }) => `${quoted(token)} (${cosine.toFixed(2)})`);
      return `direction ${place + 1}: ${percent(energy)} of the energy, ${percent(part)} of what is read; near ${near.join(', ')}`;
    }),
    ...memory.overwrites.map(
      ({ token, written: earlier, share: taken }) =>
        `the key of ${quoted(token)} took ${percent(taken)} of the write of ${quoted(earlier)}`,
    ),
  ];
}

function showHalfLives(halfLives: Float32Array): string {
  if (halfLives.length === 0) return '';
  const sorted = halfLives.toSorted();
  const tokens = (value: number) => (Number.isFinite(value) ? value.toPrecision(4) : 'for ever');
  const [least, most] = [tokens(sorted[0]!), tokens(sorted.at(-1)!)];
  return least === most ? `, half-life ${least} tokens` : `, half-lives of ${least} to ${most} tokens`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Typed arrays as lists. */
function plain(value: unknown): unknown {
  if (value instanceof Float32Array || value instanceof Int32Array) return Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
}
