/** What every end-to-end suite does: one window for all its tests, each of which stands on the one before. */

import { Workbench } from './workbench';

/** @param tests declares the tests; what it is given answers the window once they run */
export function describeInWorkbench(title: string, tests: (open: () => Workbench) => void): void {
  describe(title, function () {
    // What a test waits for has limits of its own, which say what did not come.
    this.timeout(300_000);
    this.bail(true);
    let workbench: Workbench | undefined;
    const open = (): Workbench => {
      if (workbench === undefined) throw new Error('The window is not open.');
      return workbench;
    };

    before(async () => {
      workbench = await Workbench.open(title.replaceAll(/\W+/g, '-'));
    });

    after(async () => {
      await workbench?.close();
    });

    afterEach(async function () {
      if (this.currentTest?.state !== 'failed') return;
      const path = await open().screenshot(`failed-${this.currentTest.title.replaceAll(/\W+/g, '-')}`);
      console.log(`        ${path}`, await open().notifications());
    });

    tests(open);
  });
}
