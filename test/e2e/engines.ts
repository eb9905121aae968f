/** The engine processes below the VS Code server, as the operating system lists them. Linux only. */

import { readdirSync, readFileSync } from 'node:fs';

/** Process ids, oldest first. */
export function enginePids(): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words.some(word => /longsight[^/]*\/dist\/engine\.js$/.test(word));
      } catch {
        return false; // It ended while we looked.
      }
    })
    .sort((a, b) => a - b);
}
