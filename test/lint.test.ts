/** The arrows of the house hold: who may import whom. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const eslint = new ESLint({
  cwd: root,
  // The probes are files that do not exist, so rules that need types cannot see them.
  overrideConfig: [{ files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked }],
});

/** An import of nothing is refused for that reason alone, and would prove nothing. */
function exists(file: string, source: string): boolean {
  return !source.startsWith('.') || existsSync(join(root, dirname(file), `${source}.ts`));
}

/** What the arrows say of one import in one file. */
async function verdict(file: string, source: string): Promise<'allowed' | 'refused'> {
  const [result] = await eslint.lintText(`export * from '${source}';\n`, { filePath: join(root, file) });
  const messages = result?.messages ?? [];
  expect(messages.filter(message => message.fatal)).toEqual([]);
  return messages.some(message => message.ruleId?.startsWith('boundaries/')) ? 'refused' : 'allowed';
}

describe('a part imports only what it may', () => {
  it.each([
    ['src/extension/probe.ts', '../protocol/inspection', 'allowed'],
    ['src/extension/probe.ts', './settings', 'allowed'],
    ['src/extension/probe.ts', '../engine/inspect', 'refused'],
    ['src/extension/probe.ts', '../engine/onnx/graph', 'refused'],
    ['src/extension/probe.ts', '../../webview/state', 'refused'],
    ['webview/probe.ts', '../src/protocol/panel', 'allowed'],
    ['webview/probe.ts', './ui', 'allowed'],
    ['webview/views/probe.ts', '../ui', 'allowed'],
    ['webview/probe.ts', '../src/extension/settings', 'refused'],
    ['webview/probe.ts', '../src/engine/inspect', 'refused'],
    ['src/protocol/probe.ts', './inspection', 'allowed'],
    ['src/protocol/probe.ts', '../engine/inspect', 'refused'],
    ['src/protocol/probe.ts', '../extension/settings', 'refused'],
    ['src/protocol/probe.ts', 'node:fs', 'refused'],
    ['src/protocol/probe.ts', 'valibot', 'refused'],
    ['src/engine/probe.ts', '../protocol/engine', 'allowed'],
    ['src/engine/probe.ts', './model/checkpoint', 'allowed'],
    ['src/engine/probe.ts', './variants/index', 'allowed'],
    ['src/engine/probe.ts', './runtime/executor', 'allowed'],
    ['src/engine/probe.ts', '../extension/settings', 'refused'],
    ['src/engine/probe.ts', '../../webview/state', 'refused'],
    ['src/engine/variants/probe.ts', './primitives/mixer', 'allowed'],
    ['src/engine/variants/probe.ts', '../onnx/builder', 'allowed'],
    ['src/engine/variants/probe.ts', '../runtime/executor', 'refused'],
    ['src/engine/variants/probe.ts', '../inspect', 'refused'],
    ['src/engine/variants/primitives/probe.ts', '../../onnx/builder', 'allowed'],
    ['src/engine/variants/primitives/probe.ts', '../index', 'refused'],
    ['src/engine/runtime/probe.ts', '../onnx/encode', 'allowed'],
    ['src/engine/runtime/probe.ts', '../model/checkpoint', 'refused'],
    ['src/engine/onnx/probe.ts', '../runtime/executor', 'refused'],
    ['src/engine/model/probe.ts', '../runtime/executor', 'refused'],
    ['src/engine/text/probe.ts', '../model/checkpoint', 'refused'],
    ['bench/probe.ts', '../src/engine/engine', 'allowed'],
    ['bench/probe.ts', '../src/extension/settings', 'refused'],
    ['src/engine/probe.ts', '../../bench/slope', 'refused'],
  ])('%s: %s is %s', async (file, source, expected) => {
    expect(exists(file, source)).toBe(true);
    expect(await verdict(file, source)).toBe(expected);
  });
});

describe('a module with one importer', () => {
  it.each([
    ['vscode', 'src/extension/probe.ts', 'src/engine/probe.ts'],
    ['vscode', 'src/extension/views/probe.ts', 'src/protocol/probe.ts'],
    ['onnxruntime-node', 'src/engine/runtime/probe.ts', 'src/engine/probe.ts'],
    ['onnxruntime-node', 'src/engine/runtime/probe.ts', 'src/extension/probe.ts'],
    ['onnxruntime-node', 'src/engine/runtime/probe.ts', 'src/engine/onnx/probe.ts'],
    ['@vscode/webview-ui-toolkit', 'webview/ui.ts', 'webview/main.ts'],
    ['@vscode/webview-ui-toolkit', 'webview/ui.ts', 'webview/views/probe.ts'],
  ])('%s: %s may, %s may not', async (source, owner, other) => {
    expect(await verdict(owner, source)).toBe('allowed');
    expect(await verdict(other, source)).toBe('refused');
  });
});

it('a file outside every part is refused', async () => {
  const [result] = await eslint.lintText('export {};\n', {
    filePath: join(root, 'src/engine/elsewhere/probe.ts'),
  });
  expect(result?.messages.map(message => message.ruleId)).toContain('boundaries/no-unknown-files');
});
