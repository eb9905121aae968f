/** Runs an inspection from the document's text to the first selected head, with progress and cancel. */

import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { InspectRequest } from '../protocol/engine';
import type { InspectionSummary, VariantInfo } from '../protocol/inspection';
import { Cancelled, Problem } from '../protocol/problem';
import type { Choices } from './choices';
import type { ChosenHeads } from './chosenHeads';
import { checkLength, checkText } from './documentText';
import { dumpOf } from './dumps';
import type { EngineClient } from './engineClient';
import { firstHead } from './firstHead';
import { Inspection, type InspectedText } from './inspection';
import type { DocumentState, Inspections } from './inspections';
import { notify, problemOf, remedied, Remediable } from './notifications';
import type { SettingsStore } from './settings';
import { showProgress } from './progressNotice';
import { checkChoice } from './parameters';

export interface RunParts {
  readonly engine: EngineClient;
  readonly settings: SettingsStore;
  readonly choices: Choices;
  readonly inspections: Inspections;
  readonly heads: ChosenHeads;
  readonly log: vscode.LogOutputChannel;
}

export class Runs {
  /** What the engine offers, known once it has run. */
  variants: readonly VariantInfo[] = [];
  private readonly parts: RunParts;
  private serial = 0;

  constructor(parts: RunParts) {
    this.parts = parts;
  }

  /** The engine's variants; starts the engine the first time. */
  async loadVariants(): Promise<readonly VariantInfo[]> {
    if (this.variants.length === 0) this.variants = (await this.parts.engine.info()).variants;
    return this.variants;
  }

  /**
   * Inspects a document or one stretch of it. A run of the same document that is still going is
   * cancelled. Problems are shown, not thrown; answers undefined after one and after a cancellation.
   */
  async inspect(document: vscode.TextDocument, range?: vscode.Range): Promise<Inspection | undefined> {
    const { inspections, engine, log } = this.parts;
    const key = document.uri.toString();
    await this.cancel(key);
    const id = `${key}#${++this.serial}`;
    // Claimed before the first wait, so that a second command cancels this run instead of joining it.
    inspections.update(key, {
      running: { id, fraction: 0, phase: 'Reading the document' },
      problem: undefined,
    });
    try {
      const inspection = await this.run(id, document, range);
      if (this.owns(key, id)) inspections.update(key, { running: undefined, earlier: undefined });
      return inspection;
    } catch (error) {
      if (this.owns(key, id)) {
        inspections.update(key, { ...this.withoutRun(key, id), problem: problemOf(error) });
      }
      // The engine may have finished it all the same, and nobody else would close it.
      engine.close(id).catch(() => {});
      notify(error, log);
      return undefined;
    }
  }

  /** Stops the run of a document, if there is one. */
  async cancel(document: string): Promise<boolean> {
    const { inspections, engine } = this.parts;
    const { running } = inspections.of(document);
    if (running === undefined) return false;
    inspections.update(document, this.withoutRun(document, running.id));
    await engine.cancel(running.id);
    return true;
  }

  /** The state after a run that did not end well: what it had begun is dropped for what was there before. */
  private withoutRun(document: string, id: string): Partial<DocumentState> {
    const { inspection, earlier } = this.parts.inspections.of(document);
    const begun = inspection?.id === id;
    return { running: undefined, ...(begun ? { inspection: earlier, earlier: undefined } : {}) };
  }

  private owns(document: string, id: string): boolean {
    return this.parts.inspections.of(document).running?.id === id;
  }

  private async run(
    id: string,
    document: vscode.TextDocument,
    range: vscode.Range | undefined,
  ): Promise<Inspection> {
    const { inspections, engine, log } = this.parts;
    const source = await remedied(['openExample'], () => readText(document, range));
    const request = await this.request(id, source, dumpOf(document.uri));
    if (!this.owns(source.document, id)) throw new Cancelled();
    log.info(
      `Inspecting ${source.document}: ${source.text.length} characters, ${request.model}, ${request.variant.id}.`,
    );
    let opened: Promise<Inspection> | undefined;
    const open = (summary: InspectionSummary): Promise<Inspection> => (opened ??= this.open(source, summary));
    const started = engine.started.on(summary => {
      // A failure here comes again, to be reported, when the run ends.
      if (summary.id === id) open(summary).catch(() => {});
    });
    const progressed = engine.progress.on(progress => {
      if (progress.id === id && this.owns(source.document, id)) {
        inspections.update(source.document, { running: progress });
      }
    });
    const notice = showProgress(`Longsight: inspecting ${nameOf(document)}`, id, engine);
    try {
      const summary = await remedied(['inspectAgain', 'chooseModel', 'showLog'], () =>
        engine.inspect(request),
      );
      const inspection = await open(summary);
      return await this.finish(inspection, summary);
    } finally {
      notice.dispose();
      started.dispose();
      progressed.dispose();
    }
  }

  /** @param dump a tensor dump in place of the chosen model. */
  private async request(
    id: string,
    source: InspectedText,
    dump: string | undefined,
  ): Promise<InspectRequest> {
    const { settings, choices } = this.parts;
    const [wrong] = settings.reading.problems;
    if (wrong !== undefined) throw new Remediable(new Problem(wrong), ['openSettings']);
    const { device, precision, weights, globalTokens, maxTokens } = settings.values;
    const { variant, schedule } = choices;
    const model = dump ?? choices.model;
    const variants = await remedied(['restartEngine', 'showLog'], () => this.loadVariants());
    await remedied(['chooseVariant', 'openSettings'], () => {
      for (const choice of [variant, ...schedule.others.map(other => other.variant)]) {
        checkChoice(variants, choice);
      }
    });
    const { inspection } = this.parts.inspections.of(source.document);
    const basis = inspection?.done === true ? { basis: inspection.id } : {};
    const asked = { variant, schedule, device, precision, weights, globalTokens, maxTokens };
    return { id, text: source.text, model, ...asked, ...basis };
  }

  /** The tokens are known: shows them while the run goes on. */
  private async open(source: InspectedText, summary: InspectionSummary): Promise<Inspection> {
    const { inspections, engine } = this.parts;
    const tokens = await engine.tokens(summary.id);
    if (!this.owns(source.document, summary.id)) throw new Cancelled();
    const inspection = new Inspection(source, summary, tokens);
    const { inspection: before, earlier } = inspections.of(source.document);
    const chosen = this.parts.heads.of(source.document);
    if (chosen !== undefined) inspection.chooseHead(chosen);
    inspection.resume(before);
    inspection.selection = {
      ...inspection.selection,
      token: inspection.selection.token ?? cursorToken(inspection),
    };
    inspections.update(source.document, { inspection, earlier: before?.done === true ? before : earlier });
    return inspection;
  }

  private async finish(inspection: Inspection, summary: InspectionSummary): Promise<Inspection> {
    const { inspections, engine, log } = this.parts;
    const [losses, overview] = await Promise.all([engine.losses(summary.id), engine.overview(summary.id)]);
    if (!this.owns(inspection.document, summary.id)) throw new Cancelled();
    inspection.summary = summary;
    inspection.losses = losses;
    inspection.done = true;
    if (!inspection.headChosen) {
      inspections.select(inspection.document, { ...inspection.selection, ...firstHead(overview) });
      inspection.headChosen = false;
    }
    log.info(
      `Inspected ${summary.tokens} tokens on ${summary.device.name} in ${summary.seconds.toFixed(2)} s, ${summary.kept} of them kept from before.`,
    );
    if (summary.device.fallback !== undefined) log.warn(summary.device.fallback);
    return inspection;
  }
}

/** The document's name as people know it: its path in the workspace, or else the file's name. */
export function nameOf({ uri, isUntitled }: vscode.TextDocument): string {
  const inside = !isUntitled && vscode.workspace.getWorkspaceFolder(uri) !== undefined;
  return inside ? vscode.workspace.asRelativePath(uri, false) : basename(uri.path);
}

function readText(document: vscode.TextDocument, range: vscode.Range | undefined): InspectedText {
  const name = nameOf(document);
  const base = range === undefined ? 0 : document.offsetAt(range.start);
  const end = document.offsetAt(range?.end ?? document.lineAt(document.lineCount - 1).range.end);
  checkLength(name, end - base);
  const text = document.getText(range);
  checkText(name, text);
  return {
    document: document.uri.toString(),
    text,
    base,
    whole: range === undefined,
  };
}

function cursorToken(inspection: Inspection): number | undefined {
  const editors = [vscode.window.activeTextEditor, ...vscode.window.visibleTextEditors];
  const editor = editors.find(candidate => candidate?.document.uri.toString() === inspection.document);
  return editor === undefined
    ? undefined
    : inspection.tokenNear(editor.document.offsetAt(editor.selection.active));
}
