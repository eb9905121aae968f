/** A slot of a memory in words. */

import type { MemorySlot } from '../src/protocol/memory';
import { count, plural } from './format';

/** Tokens of a slot's text, at most. */
const NAMED = 16;

/** The first tokens of a slot's stretches, a few of each where there are several; -1 stands for a gap. */
export function namedTokens({ ranges }: MemorySlot): number[] {
  const stretches = ranges.length >> 1;
  const each = Math.max(2, Math.floor(NAMED / Math.max(1, stretches)));
  const tokens: number[] = [];
  for (let at = 0; at < ranges.length && tokens.length < NAMED; at += 2) {
    if (at > 0) tokens.push(-1);
    const end = Math.min(ranges[at + 1]!, ranges[at]! + each);
    for (let token = ranges[at]!; token < end; token++) tokens.push(token);
  }
  return tokens;
}

/** Such as `segment 3, 2 back; evicted at 812`. */
export function slotDetail(slot: MemorySlot, token: number): string {
  const { label, segments, status, since, tokens } = slot;
  const back = segments === undefined || segments === 0 ? '' : `, ${count(segments)} back`;
  const many = tokens > 1 ? `, ${plural(tokens, 'token')}` : '';
  const when = since === undefined ? '' : ` at ${count(since)}`;
  const later = since !== undefined && since > token ? 'to be ' : '';
  const fate = status === 'open' ? 'still written' : `${later}${status}${when}`;
  return `${label}${back}${many}; ${fate}`;
}
