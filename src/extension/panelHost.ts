/** Answers what the panel asks, for the document that is current when it asks. */

import * as vscode from 'vscode';
import type { HostApi, PanelState } from '../protocol/panel';
import { summaryOf } from '../protocol/comparison';
import { Problem } from '../protocol/problem';
import { compact } from './compact';
import type { CompareResults } from './compareResults';
import type { Inspection } from './inspection';
import { withoutDefaults, checkChoice } from './parameters';
import { openDocument, revealToken } from './ranges';
import { nameOf, type RunParts, type Runs } from './runs';
import { saveFile } from './saving';

/** How many nodes of a structure the panel gets at once. */
const STRUCTURE_LIMIT = 512;

/** How many slots of a memory the panel gets at once. */
const MEMORY_LIMIT = 256;

/** How many tokens are listed as hurt most. */
const HURT_LIMIT = 16;

const NO_HEAD = { layer: 0, head: 0, token: undefined, pinned: false };

export class PanelHost implements HostApi {
  private readonly parts: RunParts;
  private readonly runs: Runs;
  private readonly results: CompareResults;

  constructor(parts: RunParts, runs: Runs, results: CompareResults) {
    this.parts = parts;
    this.runs = runs;
    this.results = results;
  }

  /** Names the inspection that questions are answered from. */
  get shownId(): string | undefined {
    return this.parts.inspections.current.inspection?.id;
  }

  /** The state without waiting for anything. */
  snapshot(): PanelState {
    const { inspections, choices, settings } = this.parts;
    const { inspection, running, problem } = inspections.current;
    const document =
      inspections.currentDocument === undefined ? undefined : openDocument(inspections.currentDocument);
    return {
      inspection: inspection?.summary,
      documentName: document === undefined ? undefined : nameOf(document),
      running,
      staleFrom: inspection?.staleFrom,
      problem,
      variants: this.runs.variants,
      variant: choices.variant,
      schedule: choices.schedule,
      selection: inspection?.selection ?? NO_HEAD,
      topKeys: settings.values.topKeys,
      comparison: this.results.stateOf(inspection),
    };
  }

  async state(): Promise<PanelState> {
    // The panel's controls need the list; without an engine it still opens and says what is wrong.
    const failed = await this.runs.loadVariants().then(
      () => undefined,
      (error: unknown) => (error instanceof Problem ? error.message : undefined),
    );
    const state = this.snapshot();
    return failed === undefined ? state : { ...state, problem: state.problem ?? failed };
  }

  async run(command: string): Promise<void> {
    await vscode.commands.executeCommand(`longsight.${command}`);
  }

  async select(selection: PanelState['selection']): Promise<void> {
    const { document } = this.inspection();
    this.parts.inspections.select(document, { ...selection, token: selection.token ?? undefined });
    return Promise.resolve();
  }

  async setVariant(...[choice, schedule]: Parameters<HostApi['setVariant']>): Promise<void> {
    const variant = checkChoice(await this.runs.loadVariants(), choice);
    await this.parts.choices.setVariant(withoutDefaults(variant, choice.params));
    await this.parts.choices.setSchedule(schedule);
    await vscode.commands.executeCommand('longsight.inspectAgain');
  }

  async reveal(token: number): Promise<void> {
    await revealToken(this.inspectionWith(token), token);
  }

  async overview(): ReturnType<HostApi['overview']> {
    return compact(await this.parts.engine.overview(this.inspection().id));
  }

  async stats(...[head, names]: Parameters<HostApi['stats']>): ReturnType<HostApi['stats']> {
    const stats = await this.parts.engine.stats(this.inspection().id, head);
    return compact(Object.fromEntries(names.map(name => [name, stats[name]])));
  }

  async series(...[series]: Parameters<HostApi['series']>): ReturnType<HostApi['series']> {
    const { id } = this.inspectionWith(series.tokens.end - 1);
    return compact(await this.parts.engine.series({ ...series, id }));
  }

  async dilution(...[head]: Parameters<HostApi['dilution']>): ReturnType<HostApi['dilution']> {
    return this.parts.engine.dilution(this.inspection().id, head);
  }

  async rows(...[rows, profile]: Parameters<HostApi['rows']>): ReturnType<HostApi['rows']> {
    const { id } = this.inspection();
    for (const { variant } of rows) {
      if (variant !== undefined) checkChoice(await this.runs.loadVariants(), variant);
    }
    const top = this.parts.settings.values.topKeys;
    // A dense row beside each of many would double the wait.
    const against = rows.length === 1;
    return compact(await this.parts.engine.rows(rows.map(row => ({ ...row, id, top, profile, against }))));
  }

  async structure(...[row]: Parameters<HostApi['structure']>): ReturnType<HostApi['structure']> {
    const { id } = this.inspection();
    return compact(await this.parts.engine.structure({ id, row, limit: STRUCTURE_LIMIT }));
  }

  async memory(...[row]: Parameters<HostApi['memory']>): ReturnType<HostApi['memory']> {
    const { id } = this.inspectionWith(row.token);
    return compact(await this.parts.engine.memory({ id, row, limit: MEMORY_LIMIT }));
  }

  async map(...[tile]: Parameters<HostApi['map']>): ReturnType<HostApi['map']> {
    const { id } = this.inspectionWith(Math.max(tile.queries.end, tile.keys.end) - 1);
    return compact(await this.parts.engine.map({ ...tile, id }));
  }

  tokenDetail(token: number): ReturnType<HostApi['tokenDetail']> {
    return this.parts.engine.tokenDetail(this.inspectionWith(token).id, token);
  }

  async texts(tokens: readonly number[]): ReturnType<HostApi['texts']> {
    const inspection = this.inspection();
    const document = openDocument(inspection.document);
    return Promise.resolve(
      tokens
        .filter(token => inspection.has(token))
        .map(token => ({
          token,
          text: inspection.textOf(token),
          line: document === undefined ? 1 : document.positionAt(inspection.rangeOf(token)[0]).line + 1,
        })),
    );
  }

  async hurts(...[head]: Parameters<HostApi['hurts']>): ReturnType<HostApi['hurts']> {
    return await this.parts.engine.hurts({ id: this.inspection().id, head, limit: HURT_LIMIT });
  }

  async comparison(): ReturnType<HostApi['comparison']> {
    const comparison = this.results.of(this.inspection());
    return Promise.resolve(comparison && compact(summaryOf(comparison)));
  }

  save(...[file]: Parameters<HostApi['save']>): ReturnType<HostApi['save']> {
    return saveFile(file, this.inspection().document);
  }

  private inspection(): Inspection {
    const { inspection } = this.parts.inspections.current;
    if (inspection === undefined)
      throw new Problem('No inspection is open for this document; inspect it first.');
    return inspection;
  }

  private inspectionWith(token: number): Inspection {
    const inspection = this.inspection();
    if (inspection.has(token)) return inspection;
    throw new Problem(`The document has ${inspection.summary.tokens} tokens; there is no token ${token}.`);
  }
}
