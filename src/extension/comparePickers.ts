/** What a sweep is of, asked one thing after the other. */

import * as vscode from 'vscode';
import type { Sweep } from '../protocol/comparison';
import type { VariantChoice, VariantInfo } from '../protocol/inspection';
import { budgetsOf, readBudgets, readTarget, suggestedBudgets } from './compareSweep';

const TITLE = 'Longsight: Sweep a Budget';

export interface ChosenSweep {
  readonly candidates: readonly VariantChoice[];
  readonly sweep: Sweep;
}

/** @param current stands first, and keeps its other parameters. */
export async function pickSweep(
  variants: readonly VariantInfo[],
  current: VariantChoice,
  tokens: number,
): Promise<ChosenSweep | undefined> {
  const items = variants
    .filter(variant => budgetsOf(variant).length > 0)
    .sort((a, b) => Number(b.id === current.id) - Number(a.id === current.id))
    .map(variant => ({
      label: variant.title,
      description: variant.id === current.id ? `${variant.id}, in use` : variant.id,
      detail: variant.summary,
      variant,
    }));
  const picked = await vscode.window.showQuickPick(items, {
    title: TITLE,
    placeHolder: 'A variant whose smallest budget is wanted, for every head',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (picked === undefined) return undefined;
  const { variant } = picked;
  const others = variant.id === current.id ? current.params : {};
  const budgets = budgetsOf(variant).map(([name, spec]) => ({ label: name, detail: spec.help, name, spec }));
  const budget =
    budgets.length === 1
      ? budgets[0]
      : await vscode.window.showQuickPick(budgets, {
          title: `${TITLE} of ${variant.title}`,
          placeHolder: 'The parameter to search; smaller is cheaper',
        });
  if (budget === undefined) return undefined;
  const { name, spec } = budget;
  const values = await ask(
    `Values of ${name} to try, smaller ones first. ${spec.help}`,
    suggestedBudgets(spec, tokens),
    text => readBudgets(spec, text),
  );
  if (values === undefined) return undefined;
  const target = await ask(
    "The share of a head's attention mass that it must keep, above 0 and up to 1.",
    '0.95',
    readTarget,
  );
  if (target === undefined) return undefined;
  return {
    candidates: values.map(value => ({ id: variant.id, params: { ...others, [name]: value } })),
    sweep: { count: values.length, param: name, target },
  };
}

/** @param read answers a sentence for what cannot be read. */
async function ask<T>(
  prompt: string,
  value: string,
  read: (text: string) => T | string,
): Promise<T | undefined> {
  const typed = await vscode.window.showInputBox({
    title: TITLE,
    prompt,
    value,
    validateInput: text => {
      const found = read(text);
      return typeof found === 'string' ? found : undefined;
    },
  });
  const found = typed === undefined ? undefined : read(typed);
  return typeof found === 'string' ? undefined : found;
}
