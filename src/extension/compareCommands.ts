/** Comparing variants on a document: what to ask of a person, and where the answer shows. */

import * as vscode from 'vscode';
import { Problem } from '../protocol/problem';
import { pickSweep } from './comparePickers';
import type { Candidates, CompareResults } from './compareResults';
import { comparisonText } from './comparisonText';
import type { Inspection } from './inspection';
import type { Panel } from './panel';
import { pickCandidates } from './pickers';
import type { RunParts, Runs } from './runs';
import { stemOf } from './savedFile';
import { chooseTarget } from './saving';

interface Parts extends RunParts {
  readonly runs: Runs;
  readonly panel: Panel;
  readonly results: CompareResults;
}

/** Holds chosen variants against the model's own attention, live too, and shows the panel. */
export async function compareVariants(parts: Parts, inspection: Inspection): Promise<void> {
  const candidates = await pickCandidates(await parts.runs.loadVariants(), parts.choices.variant);
  if (candidates === undefined || candidates.length === 0) return;
  await compareAndShow(parts, inspection, { candidates, live: true });
}

/** Finds the smallest budget of a variant that every head can do with. */
export async function sweepVariant(parts: Parts, inspection: Inspection): Promise<void> {
  const { tokens } = inspection.summary;
  const chosen = await pickSweep(await parts.runs.loadVariants(), parts.choices.variant, tokens);
  if (chosen !== undefined) await compareAndShow(parts, inspection, { ...chosen, live: false });
}

export async function cancelComparison(parts: Parts, inspection: Inspection): Promise<void> {
  await parts.results.cancel(inspection);
}

/** Writes the comparison as Markdown. @throws {Problem} where there is none, or the file cannot be written. */
export async function exportComparison(parts: Parts, inspection: Inspection): Promise<void> {
  const comparison = parts.results.of(inspection);
  if (comparison === undefined) {
    throw new Problem(
      'No variants were compared on this document yet; run "Longsight: Compare Variants" first.',
    );
  }
  const { name, summary, document } = inspection;
  const target = await chooseTarget(`${stemOf(name)} variants`, 'md', document);
  if (target === undefined) return;
  const textOf = (token: number): string => inspection.textOf(token);
  const text = comparisonText({ name, model: summary.model.name, comparison, textOf });
  try {
    await vscode.workspace.fs.writeFile(target, Buffer.from(text));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Problem(`${target.fsPath} could not be written: ${why}`);
  }
}

async function compareAndShow(parts: Parts, inspection: Inspection, candidates: Candidates): Promise<void> {
  const shown = parts.panel.isVisible ? undefined : parts.panel.show();
  await parts.results.compare(inspection, candidates);
  await shown;
}
