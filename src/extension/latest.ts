/**
 * Work that only its latest request matters for, such as drawing: at most one is in flight, requests
 * meanwhile become one more, and it begins at most once in `calm` milliseconds. The first request after a
 * rest is answered at once.
 */
export class Latest {
  private readonly calm: number;
  private readonly work: () => Promise<void>;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private busy = false;
  private asked = 0;
  private disposed = false;
  private began = -Infinity;

  /** `work` must not reject. */
  constructor(calm: number, work: () => Promise<void>) {
    this.calm = calm;
    this.work = work;
  }

  ask(): void {
    this.asked += 1;
    if (this.busy || this.disposed) return;
    const wait = Math.max(0, this.began + this.calm - performance.now());
    this.timer ??= setTimeout(() => void this.run(), wait);
  }

  dispose(): void {
    this.disposed = true;
    clearTimeout(this.timer);
  }

  private async run(): Promise<void> {
    this.timer = undefined;
    this.busy = true;
    this.began = performance.now();
    const answering = this.asked;
    try {
      await this.work();
    } finally {
      this.busy = false;
      if (this.asked !== answering) this.ask();
    }
  }
}
