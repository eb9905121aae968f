/**
 * Work that only its latest request matters for, such as drawing: at most one is in flight, requests
 * meanwhile become one more, and a burst within `calm` milliseconds becomes one.
 */
export class Latest {
  private readonly calm: number;
  private readonly work: () => Promise<void>;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private busy = false;
  private asked = 0;
  private disposed = false;

  /** `work` must not reject. */
  constructor(calm: number, work: () => Promise<void>) {
    this.calm = calm;
    this.work = work;
  }

  ask(): void {
    this.asked += 1;
    if (!this.busy && !this.disposed) this.timer ??= setTimeout(() => void this.run(), this.calm);
  }

  dispose(): void {
    this.disposed = true;
    clearTimeout(this.timer);
  }

  private async run(): Promise<void> {
    this.timer = undefined;
    this.busy = true;
    const answering = this.asked;
    try {
      await this.work();
    } finally {
      this.busy = false;
      if (this.asked !== answering) this.ask();
    }
  }
}
