/** Measures how long the event loop of this process goes without a turn. */

import { pause } from './support';

const INTERVAL = 2;

/** Work in one turn that the next measurement need not wait for, in milliseconds. */
const LITTLE = 10;

/** Processor time of this thread in milliseconds; undefined on editors whose Node is older than 24. */
function threadTime(): number | undefined {
  const { threadCpuUsage } = process as {
    threadCpuUsage?: () => { readonly user: number; readonly system: number };
  };
  const usage = threadCpuUsage?.call(process);
  return usage === undefined ? undefined : (usage.user + usage.system) / 1000;
}

export interface Stall {
  /** The longest pause between two turns, in milliseconds, with what other processes took. */
  readonly wall: number;
  /** The most this thread itself worked between two turns; the pause where that cannot be told. */
  readonly work: number;
  /** When the longest pause ended, in milliseconds after the probe began. */
  readonly at: number;
}

export class StallProbe {
  private wall = 0;
  private work = 0;
  private at = 0;
  private readonly began = performance.now();
  private lastWall = performance.now();
  private lastWork = threadTime();
  private readonly timer = setInterval(() => {
    this.turn();
  }, INTERVAL);

  end(): Stall {
    clearInterval(this.timer);
    this.turn();
    return { wall: this.wall, work: this.work, at: this.at };
  }

  private turn(): void {
    const wall = performance.now();
    const work = threadTime();
    const pause = wall - this.lastWall - INTERVAL;
    if (pause > this.wall) [this.wall, this.at] = [pause, wall - this.began];
    this.work = Math.max(
      this.work,
      work === undefined || this.lastWork === undefined ? pause : work - this.lastWork,
    );
    [this.lastWall, this.lastWork] = [wall, work];
  }
}

/** Waits until three seconds have gone by with little work, as after a large document was opened; a minute at most. */
export async function untilCalm(): Promise<void> {
  for (let calm = 0, second = 0; calm < 3 && second < 60; second++) {
    const probe = new StallProbe();
    await pause(1000);
    calm = probe.end().work < LITTLE ? calm + 1 : 0;
  }
}
