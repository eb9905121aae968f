/** Chooses a model: the bundled one, a recent one, one of the local Hugging Face cache, or any on this machine. */

import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { Choices } from './choices';
import { cachedModels, type CachedModel, repositoryName } from './hubCache';
import { type Item, pick, separator } from './pickers';

/** A model folder or an exported ONNX file, absolute. */
export async function pickModel(choices: Choices): Promise<string | undefined> {
  const current = choices.model;
  const item = (path: string, detail: string): Item<Browse | string> => ({
    label: repositoryName(basename(path)) ?? basename(path),
    detail,
    description: path === current ? 'in use' : '',
    iconPath: new vscode.ThemeIcon(path === current ? 'check' : path.endsWith('.onnx') ? 'file' : 'folder'),
    value: path,
  });
  const browsing = (label: string, detail: string, icon: string, value: Browse): Item<Browse | string> => ({
    label,
    detail,
    iconPath: new vscode.ThemeIcon(icon),
    value,
  });
  const cached = (await cachedModels()).filter(({ directory }) => !choices.recentModels.includes(directory));
  const chosen = await pick<Browse | string>(
    [
      item(choices.bundledModel, 'Bundled with Longsight: small, trained, nothing to download'),
      separator('recent'),
      ...choices.recentModels.map(path => item(path, path)),
      separator('Hugging Face cache'),
      ...cached.map(model => ({ ...item(model.directory, detailOf(model)), ...markOf(model) })),
      separator('other'),
      browsing(
        'Browse…',
        'A Hugging Face folder with config.json, model.safetensors and tokenizer.json, or an exported model.onnx',
        'folder-opened',
        FOLDER,
      ),
      browsing(
        'Browse for an ONNX File…',
        'A model exported to ONNX, beside its tokenizer.json',
        'file',
        FILE,
      ),
    ],
    { title: 'Longsight: Choose Model', placeHolder: 'The model that reads the document' },
  );
  return typeof chosen === 'object' ? await browse(chosen) : chosen;
}

function detailOf({ type, lacks, directory }: CachedModel): string {
  return lacks === undefined ? `${type ?? 'model'} in ${directory}` : `Incomplete: ${lacks}.`;
}

function markOf({ lacks }: CachedModel): Pick<vscode.QuickPickItem, 'iconPath'> {
  return lacks === undefined ? {} : { iconPath: new vscode.ThemeIcon('warning') };
}

/** What is chosen in a dialog: no system has one for files and folders alike. */
type Browse = vscode.OpenDialogOptions;

const FOLDER: Browse = {
  canSelectFiles: false,
  canSelectFolders: true,
  title: 'A model folder: config.json, model.safetensors or model.onnx, tokenizer.json',
};

const FILE: Browse = {
  filters: { 'ONNX models': ['onnx'] },
  title: 'A model exported to ONNX',
};

async function browse(options: Browse): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({ ...options, openLabel: 'Use This Model' });
  return chosen?.[0]?.fsPath;
}
