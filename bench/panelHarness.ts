/** The panel without VS Code, in a headless browser with a made-up host, and what measures it there. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { root } from './paths';

/** A page that shows the panel. */
export interface Page {
  close(): Promise<void>;
}

interface Scene {
  readonly width: number;
  readonly theme: string;
  /** Tokens of the made-up document. */
  readonly n: number;
  readonly scene: string;
  /** Device pixels a pixel; 2 unless given. */
  readonly scale?: number;
}

export interface Stage {
  open(scene: Scene): Promise<Page>;
  close(): Promise<void>;
}

export interface Traffic {
  /** Of all messages to the page. */
  readonly bytes: number;
  /** The calls that it made. */
  readonly asked: readonly string[];
}

export interface Memory {
  /** What scripts hold. */
  readonly heapMB: number;
  /** Resident memory of the page's process; undefined where the system does not say. */
  readonly processMB: number | undefined;
}

/** Milliseconds from an event to the next frame; `work` is the page's own processor time an event. */
export interface Times {
  readonly p50: number;
  readonly p95: number;
  readonly work: number;
  readonly count: number;
}

export interface Frames {
  readonly framesPerSecond: number;
  readonly longestMs: number;
  readonly seconds: number;
}

interface Measures {
  /** Waits until nothing more comes for what is in view. */
  settled(page: Page): Promise<Traffic>;
  /** Scrolls through all views until each is complete. */
  visitAll(page: Page): Promise<void>;
  memoryOf(page: Page): Promise<Memory>;
  /** Ways to work the panel, as a person would, by name. */
  readonly INTERACTIONS: Readonly<Record<string, (page: Page) => Promise<Times>>>;
  /** Scrolls the page by wheel. */
  scrollFrames(page: Page, seconds: number): Promise<Frames>;
}

/** @param complain told of script errors and of what the page's policy refused */
export async function openHarness(
  complain: (complaint: string) => void,
): Promise<{ readonly stage: Stage; readonly measure: Measures }> {
  // The harness bundles the panel from its sources, so it is loaded from there.
  const file = (name: string): string => pathToFileURL(join(root, 'test', 'webview', 'harness', name)).href;
  const { openStage } = (await import(file('stage.mjs'))) as {
    openStage(say: typeof complain): Promise<Stage>;
  };
  return { stage: await openStage(complain), measure: (await import(file('measure.mjs'))) as Measures };
}
