/** Every inspection of this window, one a document, and which of them the person is looking at. */

import * as vscode from 'vscode';
import type { Progress } from '../protocol/inspection';
import type { Selection } from '../protocol/panel';
import type { EngineClient } from './engineClient';
import type { Inspection } from './inspection';
import { Signal } from './signal';

/** How many inspections stay open in the engine. */
const OPEN_LIMIT = 4;

/** What there is to know of one document. */
export interface DocumentState {
  readonly inspection: Inspection | undefined;
  /** The finished one that a run in progress would replace: it comes back if that run does not end well. */
  readonly earlier: Inspection | undefined;
  /** The run in progress. */
  readonly running: Progress | undefined;
  /** A sentence about what went wrong last. */
  readonly problem: string | undefined;
}

/** What changed: the current document, its data, its selection, or only how far a run is. */
export type Change = 'focus' | 'data' | 'selection' | 'progress';

const NOTHING: DocumentState = {
  inspection: undefined,
  earlier: undefined,
  running: undefined,
  problem: undefined,
};

function held({ inspection, earlier }: DocumentState): readonly Inspection[] {
  return [inspection, earlier].filter(each => each !== undefined);
}

/** Documents that people read or write, as opposed to logs, our own tables and the like. */
function isText(document: vscode.TextDocument): boolean {
  return !['output', 'debug', 'comment', 'longsight-compare'].includes(document.uri.scheme);
}

export class Inspections {
  readonly changed = new Signal<Change>();
  private readonly engine: EngineClient;
  /** In order of use, latest last. */
  private readonly states = new Map<string, DocumentState>();
  private readonly subscriptions: readonly { dispose(): void }[];
  private focused: string | undefined;

  constructor(engine: EngineClient) {
    this.engine = engine;
    this.subscriptions = [
      vscode.workspace.onDidChangeTextDocument(event => this.edited(event)),
      vscode.workspace.onDidCloseTextDocument(({ isClosed, uri }) => {
        // The editor tells of it as well when the language of a document changes, which stays open.
        if (isClosed) this.closed(uri.toString());
      }),
      vscode.window.onDidChangeActiveTextEditor(editor => this.focus(editor)),
      engine.exited.on(({ reason, expected }) =>
        this.forgetAll(expected ? `${reason} Inspect again.` : `${reason} Inspect again to start a new one.`),
      ),
    ];
    this.focus(vscode.window.activeTextEditor);
  }

  /** The document last looked at in an editor; it stays current while the panel has the focus. */
  get currentDocument(): string | undefined {
    return this.focused;
  }

  get current(): DocumentState {
    return this.focused === undefined ? NOTHING : this.of(this.focused);
  }

  of(document: string): DocumentState {
    return this.states.get(document) ?? NOTHING;
  }

  get all(): readonly Inspection[] {
    return [...this.states.values()].flatMap(state => state.inspection ?? []);
  }

  update(document: string, change: Partial<DocumentState>): void {
    const before = this.of(document);
    this.states.delete(document);
    const after = { ...before, ...change };
    this.states.set(document, after);
    this.releaseUnless(held(after), held(before));
    this.limitOpen();
    const only = Object.keys(change);
    this.changed.emit(
      only.length === 1 && only[0] === 'running' && before.running !== undefined ? 'progress' : 'data',
    );
  }

  /** Chooses head and token of a document; ignored where they do not exist. */
  select(document: string, selection: Selection): void {
    const { inspection } = this.of(document);
    if (inspection === undefined) return;
    const { layers, heads } = inspection.summary;
    const { layer, head, token } = selection;
    if (layer >= layers || head >= heads || (token !== undefined && !inspection.has(token))) return;
    const before = inspection.selection;
    inspection.selection = selection;
    inspection.headChosen ||= before.layer !== layer || before.head !== head;
    const same =
      before.layer === layer &&
      before.head === head &&
      before.token === token &&
      before.pinned === selection.pinned;
    if (!same) this.changed.emit('selection');
  }

  /** Forgets a document's inspection and problem. */
  clear(document: string): void {
    const before = this.of(document);
    this.states.delete(document);
    this.releaseUnless([], held(before));
    this.changed.emit('data');
  }

  focus(editor: vscode.TextEditor | undefined): void {
    if (editor === undefined || !isText(editor.document)) return;
    const document = editor.document.uri.toString();
    const before = this.focused;
    this.focused = document;
    if (document !== before) this.changed.emit('focus');
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
    this.changed.dispose();
  }

  private edited(event: vscode.TextDocumentChangeEvent): void {
    const inspections = held(this.of(event.document.uri.toString()));
    if (inspections.length === 0 || event.contentChanges.length === 0) return;
    const changes = event.contentChanges.map(change => ({
      offset: change.rangeOffset,
      removed: change.rangeLength,
      inserted: change.text.length,
    }));
    const { document, reason } = event;
    const textOf = (start: number, end: number) =>
      document.getText(new vscode.Range(document.positionAt(start), document.positionAt(end)));
    for (const inspection of inspections) {
      inspection.edited(changes);
      // Only then can the text be the inspected one again; comparing it at every keystroke would cost.
      if (reason !== undefined) inspection.restoreIf(textOf);
    }
    this.changed.emit('data');
  }

  private closed(document: string): void {
    const { running } = this.of(document);
    if (running !== undefined) void this.engine.cancel(running.id);
    if (this.focused === document) this.focused = undefined;
    if (this.states.has(document)) this.clear(document);
    else this.changed.emit('focus');
  }

  private limitOpen(): void {
    const open = [...this.states].filter(([, state]) => state.inspection !== undefined);
    for (const [document] of open.slice(0, Math.max(0, open.length - OPEN_LIMIT))) this.clear(document);
  }

  private forgetAll(problem: string): void {
    for (const [document, state] of [...this.states]) {
      const said = state.inspection === undefined ? state.problem : problem;
      this.states.set(document, { ...NOTHING, running: state.running, problem: said });
    }
    this.changed.emit('data');
  }

  private releaseUnless(kept: readonly Inspection[], inspections: readonly Inspection[]): void {
    for (const inspection of inspections) {
      if (!kept.includes(inspection)) this.engine.close(inspection.id).catch(() => {});
    }
  }
}
