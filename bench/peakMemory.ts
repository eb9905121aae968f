/** The most memory that this process holds while something runs. */

import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';

/** Bytes. Linux keeps the peak and can forget it; elsewhere only a process's whole life has one. */
export function peakSince(): () => number {
  const canReset = reset();
  const before = process.resourceUsage().maxRSS;
  return () => {
    if (canReset) {
      const kibibytes = /VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
      if (kibibytes !== undefined) return Number(kibibytes) * 1024;
    }
    return Math.max(before, process.resourceUsage().maxRSS) * 1024;
  };
}

function reset(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}
