/** The editor as heat map: the query token outlined, the keys it attends to shaded by weight, its span at the edge. */

import * as vscode from 'vscode';
import type { Row } from '../protocol/inspection';
import type { EngineClient } from './engineClient';
import type { Inspection } from './inspection';
import type { Inspections } from './inspections';
import { Latest } from './latest';
import { editorsOf, rangeOf } from './ranges';
import type { SettingsStore } from './settings';
import { Signal } from './signal';
import { STEPS, strengths } from './strength';

/** Cursor moves closer together than this are drawn once, in milliseconds. */
const CALM = 20;

const color = (name: string): vscode.ThemeColor => new vscode.ThemeColor(`longsight.${name}`);

/** The ranges of one drawing, by decoration. */
interface Drawing {
  readonly query: readonly vscode.Range[];
  readonly span: readonly vscode.Range[];
  /** `[STEPS]`, weakest first. */
  readonly keys: readonly (readonly vscode.DecorationOptions[])[];
}

export class Decorations {
  /** The rows that were drawn, as they are handed to the editor. */
  readonly drew = new Signal<Row>();
  private readonly engine: EngineClient;
  private readonly inspections: Inspections;
  private readonly settings: SettingsStore;
  private readonly log: vscode.LogOutputChannel;
  private readonly latest = new Latest(CALM, () => this.draw());
  private readonly drawn = new Set<vscode.TextEditor>();
  private readonly subscriptions: readonly { dispose(): void }[];

  private readonly keyTypes = Array.from({ length: STEPS }, (_, step) =>
    vscode.window.createTextEditorDecorationType({
      backgroundColor: color(`attention${step + 1}`),
      overviewRulerColor: color(`attention${step + 1}`),
      overviewRulerLane: vscode.OverviewRulerLane.Center,
      rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
    }),
  );
  private readonly queryType = vscode.window.createTextEditorDecorationType({
    borderStyle: 'solid',
    borderWidth: '1px',
    borderColor: color('query'),
    overviewRulerColor: color('query'),
    overviewRulerLane: vscode.OverviewRulerLane.Full,
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  private readonly spanType = vscode.window.createTextEditorDecorationType({
    borderStyle: 'solid',
    borderWidth: '0 0 0 2px',
    borderColor: color('span'),
    overviewRulerColor: color('span'),
    overviewRulerLane: vscode.OverviewRulerLane.Left,
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });

  constructor(
    engine: EngineClient,
    inspections: Inspections,
    settings: SettingsStore,
    log: vscode.LogOutputChannel,
  ) {
    this.engine = engine;
    this.inspections = inspections;
    this.settings = settings;
    this.log = log;
    this.subscriptions = [
      inspections.changed.on(change => {
        if (change !== 'progress' || this.drawn.size === 0) this.latest.ask();
      }),
      settings.changed.on(() => this.latest.ask()),
      vscode.window.onDidChangeVisibleTextEditors(editors => {
        for (const editor of this.drawn) if (!editors.includes(editor)) this.drawn.delete(editor);
        this.latest.ask();
      }),
    ];
  }

  dispose(): void {
    this.latest.dispose();
    this.drew.dispose();
    for (const subscription of this.subscriptions) subscription.dispose();
    for (const type of [...this.keyTypes, this.queryType, this.spanType]) type.dispose();
  }

  private async draw(): Promise<void> {
    this.clearForgotten();
    const { inspection } = this.inspections.current;
    if (inspection === undefined) return;
    const { layer, head, token } = inspection.selection;
    if (!this.settings.values.decorations || token === undefined || inspection.isStale(token)) {
      this.apply(inspection, undefined);
      return;
    }
    if (editorsOf(inspection.document).length === 0) return;
    try {
      const { topKeys } = this.settings.values;
      const [row] = await this.engine.rows([
        { id: inspection.id, layer, head, token, top: topKeys, profile: 0 },
      ]);
      // Drawn even when the cursor has moved on, so that a held arrow key still shows something; but never
      // for another head than the one that panel and hovers name by now.
      const now = inspection.selection;
      if (now.layer !== layer || now.head !== head) return;
      if (this.inspections.of(inspection.document).inspection !== inspection) return;
      this.apply(inspection, row);
      if (row !== undefined) this.drew.emit(row);
    } catch (error) {
      // A layer not yet computed has no rows, and a lost engine is reported by its exit.
      this.log.debug(`No row to draw: ${String(error)}`);
      this.apply(inspection, undefined);
    }
  }

  private clearForgotten(): void {
    for (const editor of this.drawn) {
      if (this.inspections.of(editor.document.uri.toString()).inspection === undefined)
        this.paint(editor, undefined);
    }
  }

  private apply(inspection: Inspection, row: Row | undefined): void {
    for (const editor of editorsOf(inspection.document)) {
      this.paint(editor, row === undefined ? undefined : drawing(editor.document, inspection, row));
    }
  }

  private paint(editor: vscode.TextEditor, content: Drawing | undefined): void {
    if (content === undefined && !this.drawn.has(editor)) return;
    editor.setDecorations(this.queryType, content?.query ?? []);
    editor.setDecorations(this.spanType, content?.span ?? []);
    this.keyTypes.forEach((type, step) => editor.setDecorations(type, content?.keys[step] ?? []));
    if (content === undefined) this.drawn.delete(editor);
    else this.drawn.add(editor);
  }
}

function drawing(document: vscode.TextDocument, inspection: Inspection, row: Row): Drawing {
  const keys: vscode.DecorationOptions[][] = Array.from({ length: STEPS }, () => []);
  const steps = strengths(row.keys);
  row.keys.forEach((key, index) => {
    const range = rangeOf(document, inspection, key.index);
    const step = steps[index]!;
    if (range.isEmpty || inspection.isStale(key.index)) return;
    keys[step - 1]?.push({ range });
    if (range.start.line !== range.end.line)
      keys[step - 1]?.push(lineEndMark(document, range.start.line, step));
  });
  const query = rangeOf(document, inspection, row.token);
  const first = Math.max(0, row.token - Math.max(1, Math.round(row.span)) + 1);
  const span = new vscode.Range(rangeOf(document, inspection, first).start, query.start);
  return { query: query.isEmpty ? [] : [query], span: Number.isNaN(row.span) ? [] : [span], keys };
}

/** A line end has no width to shade: a mark stands for it. */
function lineEndMark(document: vscode.TextDocument, line: number, step: number): vscode.DecorationOptions {
  const { end } = document.lineAt(line).range;
  const after = {
    contentText: '⏎',
    backgroundColor: color(`attention${step}`),
    color: new vscode.ThemeColor('editorWhitespace.foreground'),
  };
  return { range: new vscode.Range(end, end), renderOptions: { after } };
}
