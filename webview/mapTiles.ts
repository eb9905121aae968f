/** Fetches and keeps tiles of the attention map. */

import { cellsOf, type MapTile, type TileRef } from '../src/protocol/map';
import { Cancelled, Problem, sentence } from '../src/protocol/problem';
import { isDrawable, type MapWish, nextTile } from './mapPlan';

/** Cells of all tiles that are kept; the oldest tiles leave first. */
const KEPT_CELLS = 2 ** 20;

export interface MapTilesEvents {
  /** Tiles have come; `isDone` when the view is complete. */
  changed(isDone: boolean): void;
  failed(problem: string): void;
}

export class MapTiles {
  private readonly fetch: (ref: TileRef) => Promise<MapTile>;
  private readonly events: MapTilesEvents;
  private kept: MapTile[] = [];
  private scope: string | undefined;
  private wish: MapWish | undefined;
  private pace: number | undefined;
  /** Names the loop that may go on: a change of scope starts another, whose first call ends the other's. */
  private loop = 0;
  private running = false;

  constructor(fetch: (ref: TileRef) => Promise<MapTile>, events: MapTilesEvents) {
    this.fetch = fetch;
    this.events = events;
  }

  /** Those that the view can show, coarse ones first, so that finer ones are drawn over them. */
  get tiles(): readonly MapTile[] {
    const { wish } = this;
    if (wish === undefined) return [];
    const area = ({ queryStep, keyStep }: MapTile): number => queryStep * keyStep;
    return this.kept
      .filter(tile => isDrawable(tile, wish))
      .sort((a, b) => area(b) - area(a) || a.samples - b.samples || Number(a.against) - Number(b.against));
  }

  /**
   * Fetches what a view needs.
   *
   * @param scope names the data that tiles are comparable within; those of another are dropped.
   */
  show(scope: string, wish: MapWish): void {
    this.wish = wish;
    if (scope !== this.scope) {
      this.stop();
      this.scope = scope;
      this.kept = [];
      this.pace = undefined;
    }
    if (!this.running) void this.run(++this.loop);
  }

  /** Asks for nothing more; tiles stay. */
  stop(): void {
    this.loop += 1;
    this.running = false;
  }

  private async run(loop: number): Promise<void> {
    this.running = true;
    try {
      for (;;) {
        const { wish } = this;
        const { pace } = this;
        const ref = wish === undefined ? undefined : nextTile(wish, this.kept, pace);
        this.events.changed(ref === undefined);
        if (wish === undefined || ref === undefined) break;
        const began = performance.now();
        const tile = await this.fetch(ref);
        if (loop !== this.loop) return;
        const rows = cellsOf(ref.queries, ref.queryStep) * ref.samples;
        this.pace = (performance.now() - began) / rows;
        this.keep(tile);
        if (this.wish === wish && isAgain(ref, nextTile(wish, this.kept, pace)))
          throw new Problem('The engine answered with no such part of the map; inspect the document again.');
      }
    } catch (error) {
      // Somebody else's newer call ended ours: what has come stays.
      if (loop === this.loop && !(error instanceof Cancelled)) this.events.failed(sentence(error));
    } finally {
      if (loop === this.loop) this.running = false;
    }
  }

  private keep(tile: MapTile): void {
    this.kept.push(tile);
    let cells = 0;
    let first = this.kept.length;
    while (first > 0 && cells <= KEPT_CELLS) {
      first -= 1;
      cells += this.kept[first]!.lines * this.kept[first]!.columns;
    }
    if (cells > KEPT_CELLS) this.kept.splice(0, first + 1);
  }
}

function isAgain(ref: TileRef, next: TileRef | undefined): boolean {
  return (
    next?.queries.start === ref.queries.start &&
    next.queryStep === ref.queryStep &&
    next.samples === ref.samples &&
    next.against === ref.against
  );
}
