/** Made-up memories: a prompt cut down to what was attended to, and a state that fades. */

import type { RowRef } from '../../../src/protocol/inspection';
import type { MemorySlot, SlotMemory, StateMemory } from '../../../src/protocol/memory';
import { fakeRow, noise } from './fakeDocument';

/** Runs of a prompt of four fifths of what the token has seen, kept or evicted, and what came after. */
export function fakeSlots(ref: RowRef, total: number): SlotMemory {
  const seen = ref.token + 1;
  const prompt = Math.floor(seen * 0.8);
  const row = fakeRow(ref, total, total, 1);
  const readOf = (from: number, to: number): number =>
    row.profile.subarray(from, to).reduce((sum, mass) => sum + mass, 0);
  const slots: MemorySlot[] = [];
  const add = (slot: Pick<MemorySlot, 'label' | 'status' | 'strength'>, from: number, to: number): void => {
    slots.push({
      ...slot,
      since: slot.status === 'open' ? undefined : prompt,
      ranges: Int32Array.of(from, to),
      given: new Int32Array(0),
      tokens: to - from,
      age: ref.token - (to - 1),
      segments: undefined,
      read: slot.status === 'evicted' ? 0 : readOf(from, to),
    });
  };
  const run = Math.max(3, Math.ceil(prompt / 60));
  for (let from = 0, at = 0; from < prompt; at++) {
    const to = Math.min(prompt, from + 1 + Math.floor(run * 2 * noise(at, ref.head)));
    const status = at % 2 === 0 ? 'kept' : 'evicted';
    add({ label: 'prompt', status, strength: noise(at) }, from, to);
    from = to;
  }
  add({ label: 'after the prompt', status: 'open', strength: undefined }, prompt, seen);
  const tokens = (status: string): number =>
    slots.filter(slot => slot.status === status).reduce((sum, slot) => sum + slot.tokens, 0);
  slots.sort((a, b) => b.read - a.read || (b.strength ?? 0) - (a.strength ?? 0));
  return {
    kind: 'slots',
    ...ref,
    title: 'Memory of SnapKV',
    about: `After the ${prompt} tokens of the prompt, a head keeps only those that the end of the prompt attended to.`,
    strength: { title: 'Attention', help: 'Attention of the end of the prompt on the tokens' },
    slots,
    total: slots.length,
    held: tokens('kept'),
    evicted: tokens('evicted'),
    read: 1 - slots.find(slot => slot.status === 'open')!.read,
  };
}

/** Norm and rank rise and settle; what is read lies near the token. */
export function fakeState(ref: RowRef, total: number): StateMemory {
  const seen = ref.token + 1;
  const samples = Math.min(128, seen);
  const at = Int32Array.from({ length: samples }, (_, t) => Math.ceil(((t + 1) * seen) / samples) - 1);
  const series = (make: (t: number) => number): Float32Array => Float32Array.from(at, (_, t) => make(t));
  const raw = series(t => Math.exp((t - samples) / 9) * (0.3 + noise(t, ref.head)));
  const mass = raw.reduce((sum, share) => sum + share, 0);
  const tokenAt = (seed: number): number => Math.floor(noise(seed, ref.head, total) * seen);
  return {
    kind: 'state',
    ...ref,
    title: 'Memory of Delta rule',
    about:
      'One matrix a head: every token first takes out what its key holds, in part, and then writes its value there.',
    rows: 32,
    columns: 32,
    at,
    norm: series(t => 6 * (1 - Math.exp(-t / 20)) * (0.9 + 0.2 * noise(t))),
    rank: series(t => 20 * (1 - Math.exp(-t / 6)) * (0.95 + 0.1 * noise(t, 3))),
    written: series(t => 0.3 + 0.1 * noise(t, 5)),
    beta: series(t => 0.02 + 0.01 * noise(t, 6)),
    read: raw.map(share => share / mass),
    halfLives: Float32Array.from({ length: 32 }, (_, d) => 12 * 1.2 ** d),
    directions: Array.from({ length: 4 }, (_, rank) => ({
      energy: 0.4 / (rank + 1),
      read: [0.05, 0.62, 0.2, 0.01][rank]!,
      tokens: Array.from({ length: 6 }, (_unused, place) => ({
        token: tokenAt(rank * 10 + place),
        cosine: (place === 3 ? -1 : 1) * (0.9 - 0.06 * place),
      })),
    })),
    overwrites: Array.from({ length: Math.min(8, seen - 1) }, (_, place) => {
      const token = place < 4 ? ref.token : tokenAt(place + 60);
      const share = 0.5 / (place + 1);
      return { token, written: Math.max(0, token - 1 - place), share, amount: share / 3 };
    }),
  };
}
