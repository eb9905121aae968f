/** The newest comparison of variants on every document, and what goes on of the next. */

import type { Comparison, CompareRequest } from '../protocol/comparison';
import type { Progress } from '../protocol/inspection';
import type { ComparisonState } from '../protocol/panel';
import { Cancelled, sentence } from '../protocol/problem';
import type { EngineClient } from './engineClient';
import type { Inspection } from './inspection';
import type { Inspections } from './inspections';
import { Signal, type Subscription } from './signal';

/** What is asked of a comparison, whatever it is on. */
export type Candidates = Omit<CompareRequest, 'id' | 'of'>;

/** Shows the progress of a run until it is disposed. */
export type Notice = (title: string, id: string) => Subscription;

interface Held {
  /** What was compared on: it may have been replaced since. */
  readonly on: Inspection;
  readonly finished: { readonly key: string; readonly comparison: Comparison } | undefined;
  readonly running: Progress | undefined;
  readonly problem: string | undefined;
}

const NONE: ComparisonState = { key: undefined, running: undefined, problem: undefined };

export class CompareResults {
  readonly changed = new Signal<void>();
  private readonly engine: Pick<EngineClient, 'compare' | 'cancel'>;
  private readonly notice: Notice;
  private readonly held = new Map<string, Held>();
  private readonly listening: readonly Subscription[];
  private serial = 0;

  constructor(
    engine: Pick<EngineClient, 'compare' | 'cancel' | 'progress'>,
    inspections: Pick<Inspections, 'of' | 'changed'>,
    notice: Notice,
  ) {
    this.engine = engine;
    this.notice = notice;
    this.listening = [
      engine.progress.on(progress => this.progressed(progress)),
      inspections.changed.on(change => {
        if (change !== 'data') return;
        for (const [document, held] of this.held) {
          const { inspection, running } = inspections.of(document);
          if (inspection !== undefined || running !== undefined) continue;
          this.held.delete(document);
          if (held.running !== undefined) void engine.cancel(held.running.id);
        }
      }),
    ];
  }

  stateOf(inspection: Inspection | undefined): ComparisonState {
    const held = this.heldFor(inspection);
    if (held === undefined) return NONE;
    return { key: held.finished?.key, running: held.running, problem: held.problem };
  }

  of(inspection: Inspection): Comparison | undefined {
    return this.heldFor(inspection)?.finished?.comparison;
  }

  /** A comparison of the document that is still going is cancelled. @throws whatever went wrong. */
  async compare(inspection: Inspection, candidates: Candidates): Promise<void> {
    // Not waited for: another call must not come between and find nothing to cancel.
    void this.cancel(inspection);
    const id = `${inspection.id} compare ${++this.serial}`;
    const running = { id, fraction: 0, phase: 'Comparing' };
    const finished = this.heldFor(inspection)?.finished;
    this.update(inspection, { on: inspection, finished, running, problem: undefined });
    const notice = this.notice(`Longsight: comparing variants on ${inspection.name}`, id);
    try {
      const comparison = await this.engine.compare({ ...candidates, id, of: inspection.id });
      this.end(inspection, id, { finished: { key: id, comparison }, problem: undefined });
    } catch (error) {
      const problem = error instanceof Cancelled ? undefined : sentence(error);
      this.end(inspection, id, { finished, problem });
      throw error;
    } finally {
      notice.dispose();
    }
  }

  /** Stops a comparison that goes on. */
  async cancel({ document }: Inspection): Promise<void> {
    const running = this.held.get(document)?.running;
    if (running !== undefined) await this.engine.cancel(running.id);
  }

  dispose(): void {
    for (const subscription of this.listening) subscription.dispose();
    this.changed.dispose();
  }

  /** What is held of the same text and model, whatever variant they were inspected with. */
  private heldFor(inspection: Inspection | undefined): Held | undefined {
    const held = inspection && this.held.get(inspection.document);
    if (held === undefined || inspection === undefined) return undefined;
    const { on } = held;
    const isSame =
      on === inspection ||
      (on.summary.model.directory === inspection.summary.model.directory && on.text === inspection.text);
    return isSame ? held : undefined;
  }

  private update({ document }: Inspection, held: Held): void {
    this.held.set(document, held);
    this.changed.emit();
  }

  private end(on: Inspection, id: string, end: Pick<Held, 'finished' | 'problem'>): void {
    // A newer one, or the end of the document, has overtaken it.
    if (this.held.get(on.document)?.running?.id !== id) return;
    this.update(on, { ...end, on, running: undefined });
  }

  private progressed(progress: Progress): void {
    for (const held of this.held.values()) {
      if (held.running?.id === progress.id) this.update(held.on, { ...held, running: progress });
    }
  }
}
