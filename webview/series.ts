/** Fetches a statistic of the selected head along the document: all of it, what is in view, the selected token. */

import type { StatName } from '../src/protocol/inspection';
import type { Series, SeriesRef } from '../src/protocol/series';
import type { Context } from './context';
import type { Range } from './draw/axis';
import { pieceOver, stepIn, valueAt } from './draw/series';
import { Latest } from './latest';
import { dataOf, type Model, rangeOf } from './state';
import type { WhenSeen } from './whenSeen';

/** Tokens listed as the greatest. */
export const LISTED = 16;

/** Part of a view that is fetched beside it on either side, so that panning finds it. */
const MARGIN = 0.5;

/** Cells of a view, so that one with its margins fits a series. */
const MOST_PIXELS = 2000;

export interface SeriesEvents {
  /** Pieces have come. */
  changed(): void;
  /** There is no inspection. */
  gone(): void;
  failed(problem: string): void;
}

export class SeriesPieces {
  /** Of one head, one statistic and one state of the data; the whole document first. */
  pieces: readonly Series[] = [];
  private readonly context: Context;
  private readonly seen: WhenSeen;
  private readonly stat: (model: Model) => StatName;
  private readonly pixels: () => number;
  /** Names what the pieces are of. */
  private key: string | undefined;
  private readonly latest: Readonly<Record<'whole' | 'part' | 'token', Latest<Piece>>>;

  constructor(
    context: Context,
    seen: WhenSeen,
    wanted: { readonly stat: (model: Model) => StatName; readonly pixels: () => number },
    events: SeriesEvents,
  ) {
    this.context = context;
    this.seen = seen;
    this.stat = wanted.stat;
    this.pixels = wanted.pixels;
    const piece = (isWhole: boolean): Latest<Piece> =>
      new Latest(answer => {
        if (answer.kind === 'problem') events.failed(answer.problem);
        else if (this.keep(answer.value, isWhole)) {
          events.changed();
          // What came too early for it was dropped.
          if (isWhole) this.update();
        }
      });
    this.latest = { whole: piece(true), part: piece(false), token: piece(false) };
    const { store } = context;
    store.watch(
      model => this.keyOf(model),
      key => {
        if (key !== undefined) {
          this.update();
          return;
        }
        for (const one of Object.values(this.latest)) one.forget();
        seen.forget();
        this.pieces = [];
        this.key = undefined;
        events.gone();
      },
    );
    store.watch(
      model => {
        const { range } = rangeOf(model);
        return `${range.start} ${range.end} ${model.state?.selection.token}`;
      },
      () => this.update(),
    );
  }

  /** Fetches what is missing, once the view is seen. */
  update(): void {
    if (this.keyOf(this.context.store.model) !== undefined) this.seen.ask(() => this.fetch());
  }

  private keyOf(model: Model): string | undefined {
    const data = dataOf(model.state);
    const { layer, head } = model.state?.selection ?? {};
    return data === undefined ? undefined : `${data} ${layer}/${head} ${this.stat(model)}`;
  }

  private fetch(): void {
    const { store } = this.context;
    const key = this.keyOf(store.model);
    const { range, total } = store.range;
    if (key === undefined || total === 0) return;
    const pixels = Math.min(MOST_PIXELS, this.pixels());
    const known = key === this.key ? this.pieces : [];
    const isFine = (part: Range): boolean =>
      (pieceOver(known, part)?.step ?? Infinity) <= stepIn(part, pixels);
    const whole = { start: 0, end: total };
    if (!isFine(whole))
      this.ask('whole', key, { tokens: whole, step: stepIn(whole, pixels), greatest: LISTED });
    if (range.end - range.start < total && !isFine(range)) {
      const step = stepIn(range, pixels);
      const room = (range.end - range.start) * MARGIN;
      const start = Math.max(0, Math.floor((range.start - room) / step) * step);
      const end = Math.min(total, Math.ceil((range.end + room) / step) * step);
      this.ask('part', key, { tokens: { start, end }, step, greatest: 0 });
    }
    const { token } = store.selection ?? {};
    if (typeof token === 'number' && token < total && valueAt(known, token) === undefined)
      this.ask('token', key, { tokens: { start: token, end: token + 1 }, step: 1, greatest: 0 });
  }

  private ask(
    what: keyof typeof this.latest,
    key: string,
    part: Pick<SeriesRef, 'tokens' | 'step' | 'greatest'>,
  ): void {
    const { host, store } = this.context;
    const { layer = 0, head = 0 } = store.selection ?? {};
    const ref: SeriesRef = { layer, head, stat: this.stat(store.model), ...part };
    const scope = store.model.state?.inspection?.id ?? '';
    this.latest[what].ask(scope, async () => ({ key, series: await host.series(ref) }));
  }

  /** Says whether the piece is of use: one of the whole takes the place of all of another head. */
  private keep({ key, series }: Piece, isWhole: boolean): boolean {
    if (key !== this.keyOf(this.context.store.model)) return false;
    if (key !== this.key && !isWhole) return false;
    const others = key === this.key ? this.pieces : [];
    this.key = key;
    const { start, end } = series.tokens;
    const isToken = ({ tokens }: Series): boolean => tokens.end - tokens.start === 1;
    if (isWhole) this.pieces = [series, ...others.slice(1)];
    else {
      const isSuch = end - start === 1 ? isToken : (one: Series) => !isToken(one);
      this.pieces = [...others.filter((one, at) => at === 0 || !isSuch(one)), series];
    }
    return true;
  }
}

interface Piece {
  readonly key: string;
  readonly series: Series;
}
