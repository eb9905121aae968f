/** Work for a part of the page that waits until the part is in view, so that nothing is computed unseen. */

/** How far outside the window counts as in view, so that scrolling finds things done. */
const MARGIN = '160px';

export class WhenSeen {
  private isSeen = false;
  private waiting: (() => void) | undefined;

  /** A folded or hidden part is not in view. */
  constructor(part: Element) {
    new IntersectionObserver(
      entries => {
        this.isSeen = entries.at(-1)?.isIntersecting ?? false;
        const { waiting } = this;
        if (!this.isSeen || waiting === undefined) return;
        this.waiting = undefined;
        waiting();
      },
      { rootMargin: MARGIN },
    ).observe(part);
  }

  /** Does the work now, or once the part comes into view; a newer call replaces one that waits. */
  ask(work: () => void): void {
    if (this.isSeen) work();
    else this.waiting = work;
  }

  forget(): void {
    this.waiting = undefined;
  }
}
