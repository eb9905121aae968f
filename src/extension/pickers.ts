/** Quick picks: variant and its parameters, layer and head, actions. Each answers undefined when dismissed. */

import * as vscode from 'vscode';
import type {
  HeadRef,
  ParamSpec,
  ParamValue,
  RunMode,
  Schedule,
  VariantChoice,
  VariantInfo,
} from '../protocol/inspection';
import type { Inspection } from './inspection';
import { describeAllowed, parseParam, valueOf, withoutDefaults } from './parameters';
import { isLayerList } from '../protocol/choiceText';

export interface Item<T> extends vscode.QuickPickItem {
  readonly value: T;
}

export function separator(label: string): vscode.QuickPickItem {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}

export async function pick<T>(
  items: readonly (Item<T> | vscode.QuickPickItem)[],
  options: { readonly title: string; readonly placeHolder: string },
): Promise<T | undefined> {
  const chosen = await vscode.window.showQuickPick(items, {
    ...options,
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return chosen !== undefined && 'value' in chosen ? chosen.value : undefined;
}

/** A variant and, one after the other, its parameters. */
export async function pickVariant(
  variants: readonly VariantInfo[],
  current: VariantChoice,
): Promise<VariantChoice | undefined> {
  const variant = await pick<VariantInfo>(
    variants.map(value => ({
      label: value.title,
      description: value.id === current.id ? `${value.id}, in use` : value.id,
      detail: `${value.summary} Cost ${value.cost}. ${value.source}`,
      value,
    })),
    { title: 'Longsight: Choose Variant', placeHolder: 'Which keys each query sees' },
  );
  if (variant === undefined) return undefined;
  const start: VariantChoice = variant.id === current.id ? current : { id: variant.id, params: {} };
  const params: Record<string, ParamValue> = {};
  const names = Object.keys(variant.params);
  for (const [index, name] of names.entries()) {
    const spec = variant.params[name]!;
    const title = `Longsight: ${variant.title}, ${name} (${index + 1} of ${names.length})`;
    const value = await askParam(title, spec, valueOf(start, name, spec));
    if (value === undefined) return undefined;
    params[name] = value;
  }
  return withoutDefaults(variant, params);
}

async function askParam(
  title: string,
  spec: ParamSpec,
  current: ParamValue,
): Promise<ParamValue | undefined> {
  if (spec.type === 'boolean' || spec.type === 'choice') {
    const values: readonly ParamValue[] = spec.type === 'boolean' ? [true, false] : spec.choices;
    const items = values.map(value => ({
      label: String(value),
      description: [value === current ? 'in use' : '', value === spec.default ? 'default' : '']
        .filter(word => word !== '')
        .join(', '),
      value,
    }));
    return await pick<ParamValue>(items, { title, placeHolder: spec.help });
  }
  const typed = await vscode.window.showInputBox({
    title,
    prompt: `${spec.help} Enter ${describeAllowed(spec)}; the default is ${spec.default}.`,
    value: String(current),
    validateInput: text =>
      parseParam(spec, text) === undefined ? `Enter ${describeAllowed(spec)}.` : undefined,
  });
  return typed === undefined ? undefined : parseParam(spec, typed);
}

/** Live or in shadow, and in which layers. */
export async function pickSchedule(current: Schedule): Promise<Schedule | undefined> {
  const title = 'Longsight: Choose Mode and Layers';
  const item = (value: RunMode, label: string, detail: string): Item<RunMode> => ({
    label,
    detail,
    description: value === current.mode ? 'in use' : '',
    value,
  });
  const mode = await pick<RunMode>(
    [
      item('live', 'Live', 'The variant replaces attention; the layers above feel it, and so does the loss.'),
      item('shadow', 'Shadow', 'The model runs dense; the variant is laid beside it on the same q, k and v.'),
    ],
    { title, placeHolder: 'How the variant runs' },
  );
  if (mode === undefined) return undefined;
  const layers = await vscode.window.showInputBox({
    title,
    prompt:
      'Layers the variant attends in: all, or numbers and ranges from 0 such as 0, 2-3. The others are dense.',
    value: current.layers,
    validateInput: words =>
      isLayerList(words) ? undefined : 'Enter all, or numbers and ranges from 0 such as 0, 2-3.',
  });
  return layers === undefined ? undefined : { ...current, mode, layers };
}

export async function pickHead(inspection: Inspection): Promise<HeadRef | undefined> {
  const { layers, heads } = inspection.summary;
  const { layer, head } = inspection.selection;
  const items = (what: string, limit: number, current: number): Item<number>[] =>
    Array.from({ length: limit }, (_, value) => ({
      label: `${what} ${value}`,
      description: value === current ? 'shown' : '',
      value,
    }));
  const title = 'Longsight: Choose Layer and Head';
  const nextLayer = await pick<number>(items('Layer', layers, layer), {
    title,
    placeHolder: 'Layer, 0 is the first',
  });
  if (nextLayer === undefined) return undefined;
  const nextHead = await pick<number>(items('Head', heads, head), {
    title,
    placeHolder: `Head of layer ${nextLayer}`,
  });
  return nextHead === undefined ? undefined : { layer: nextLayer, head: nextHead };
}

export interface Action {
  readonly label: string;
  readonly icon: string;
  readonly command: string;
}

export async function pickAction(
  actions: readonly Action[],
  placeHolder: string,
): Promise<string | undefined> {
  return await pick<string>(
    actions.map(({ label, icon, command }) => ({
      label,
      iconPath: new vscode.ThemeIcon(icon),
      value: command,
    })),
    { title: 'Longsight', placeHolder },
  );
}

/** Variants to compare, with their defaults; the one in use keeps its parameters. */
export async function pickCandidates(
  variants: readonly VariantInfo[],
  current: VariantChoice,
): Promise<readonly VariantChoice[] | undefined> {
  const items = variants
    .filter(({ id }) => id !== 'native' && id !== 'dense')
    .map(({ id, title, summary, cost }) => ({
      label: title,
      description: id,
      detail: `${summary} Cost ${cost}.`,
      picked: id === current.id,
      value: id === current.id ? current : { id, params: {} },
    }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: 'Longsight: Compare Variants',
    placeHolder: "Variants to hold against the model's own attention on this document",
    canPickMany: true,
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return chosen?.map(({ value }) => value);
}
