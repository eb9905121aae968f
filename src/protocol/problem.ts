/**
 * Errors that people read. A `Problem` is a sentence (what was expected, what was found, what to do)
 * and travels between the programs as such; any other error is a defect of ours and says so.
 */

export class Problem extends Error {
  override readonly name = 'Problem';
}

/** The caller stopped the work; nothing is wrong. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';

  constructor() {
    super('Cancelled.');
  }
}

/** The message to show a person for anything thrown. */
export function sentence(error: unknown): string {
  if (error instanceof Problem || error instanceof Cancelled) return error.message;
  const message = error instanceof Error ? error.message : String(error);
  return `Longsight met a defect of its own: ${message} The log has the details.`;
}

interface WireError {
  readonly kind: 'problem' | 'cancelled' | 'defect';
  readonly message: string;
  readonly stack: string | undefined;
}

function toWire(error: unknown): WireError {
  if (error instanceof Cancelled) return { kind: 'cancelled', message: error.message, stack: undefined };
  if (error instanceof Problem) return { kind: 'problem', message: error.message, stack: undefined };
  return error instanceof Error
    ? { kind: 'defect', message: error.message, stack: error.stack }
    : { kind: 'defect', message: String(error), stack: undefined };
}

function fromWire(wire: WireError): Error {
  if (wire.kind === 'cancelled') return new Cancelled();
  if (wire.kind === 'problem') return new Problem(wire.message);
  const error = new Error(wire.message);
  if (wire.stack !== undefined) error.stack = wire.stack;
  return error;
}

/** The part of an RPC message that can hold an error (`e`), as `birpc` lays it out. */
interface MaybeFailure {
  readonly e?: unknown;
}

/** Makes an RPC message safe to clone: structured cloning would lose an error's class. */
export function encodeMessage(message: MaybeFailure): MaybeFailure {
  return message.e === undefined ? message : { ...message, e: toWire(message.e) };
}

/** Undoes `encodeMessage`. */
export function decodeMessage(message: MaybeFailure): MaybeFailure {
  return message.e === undefined ? message : { ...message, e: fromWire(message.e as WireError) };
}
