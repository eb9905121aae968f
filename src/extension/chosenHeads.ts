/** The head that a person chose last in each document: it holds after a reload of the window. */

import type * as vscode from 'vscode';
import type { HeadRef } from '../protocol/inspection';
import type { Inspections } from './inspections';
import type { Subscription } from './signal';

const HEADS = 'heads';

/** Documents that are remembered, at most. */
const LIMIT = 50;

/** By document, latest first. */
type Entry = readonly [document: string, layer: number, head: number];

export class ChosenHeads {
  private readonly state: vscode.Memento;
  private readonly listening: Subscription;

  constructor(state: vscode.Memento, inspections: Inspections) {
    this.state = state;
    this.listening = inspections.changed.on(change => {
      // Whether a person chose it is known once the change is told to all.
      if (change === 'selection') queueMicrotask(() => this.keep(inspections));
    });
  }

  /** Undefined where no head was chosen; a model of another size may not have it. */
  of(document: string): HeadRef | undefined {
    const entry = this.entries.find(([name]) => name === document);
    return entry === undefined ? undefined : { layer: entry[1], head: entry[2] };
  }

  dispose(): void {
    this.listening.dispose();
  }

  private get entries(): readonly Entry[] {
    return this.state.get<readonly Entry[]>(HEADS) ?? [];
  }

  private keep({ current: { inspection } }: Inspections): void {
    // Another unsaved document may have the same name next time.
    if (inspection?.headChosen !== true || inspection.document.startsWith('untitled:')) return;
    const { document, selection } = inspection;
    const { layer, head } = selection;
    const known = this.of(document);
    if (known?.layer === layer && known.head === head) return;
    const others = this.entries.filter(([name]) => name !== document);
    void this.state.update(HEADS, [[document, layer, head], ...others].slice(0, LIMIT));
  }
}
