import { setImmediate } from 'node:timers/promises';

/** Milliseconds that a long loop may keep other calls waiting. */
const LONG = 20;

/** A function for long loops to await now and then: it lets other calls in once they have waited. */
export function breather(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < LONG) return;
    await setImmediate();
    since = performance.now();
  };
}
