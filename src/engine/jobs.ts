/** What runs under which id: one job each, of which the newest counts. */

import type { Progress } from '../protocol/inspection';
import type { Hooks } from './inspect';
import type { Inspection } from './inspection';

/** Progress is told at most so often. */
const PROGRESS_EVERY_MS = 50;

export interface Job {
  /** As soon as there is one to ask. */
  inspection: Inspection | undefined;
  readonly cancelled: boolean;
}

export class Jobs {
  readonly #running = new Map<string, { -readonly [K in keyof Job]: Job[K] }>();
  readonly #tell: (progress: Progress) => void;

  constructor(tell: (progress: Progress) => void) {
    this.#tell = tell;
  }

  /** A job of its own for the id; one that runs under it already is told to stop. */
  begin(id: string): Job {
    this.cancel(id);
    const job = { inspection: undefined, cancelled: false };
    this.#running.set(id, job);
    return job;
  }

  /** The job is over, well or not; a newer one of its id goes on. */
  end(id: string, job: Job): void {
    if (this.#running.get(id) === job) this.#running.delete(id);
  }

  /** Says whether there was one to stop. */
  cancel(id: string): boolean {
    const job = this.#running.get(id);
    if (job !== undefined) job.cancelled = true;
    return job !== undefined;
  }

  /** What the job under an id has made so far. */
  inspection(id: string): Inspection | undefined {
    return this.#running.get(id)?.inspection;
  }

  hooks(id: string, job: Job): Hooks {
    let told = 0;
    return {
      cancelled: () => job.cancelled,
      progress: (fraction, phase) => {
        const now = performance.now();
        if (now - told < PROGRESS_EVERY_MS && fraction < 1) return;
        told = now;
        this.#tell({ id, fraction, phase });
      },
    };
  }
}
