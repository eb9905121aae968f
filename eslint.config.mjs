// Lint: TypeScript's strict rules, and the arrows of the house (who may import whom).

import boundaries from 'eslint-plugin-boundaries';
import importX from 'eslint-plugin-import-x';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Every part of the house: its files, and the other parts it may import. The first pattern that fits counts. */
const parts = {
  protocol: { files: 'src/protocol/**', imports: [] },
  extension: { files: 'src/extension/**', imports: ['protocol'] },

  'webview-ui': { files: 'webview/ui.ts', imports: ['protocol', 'webview'] },
  webview: { files: 'webview/**', imports: ['protocol', 'webview-ui'] },

  'engine-math': { files: 'src/engine/math/**', imports: [] },
  'engine-onnx': { files: 'src/engine/onnx/**', imports: ['protocol'] },
  'engine-files': { files: 'src/engine/files.ts', imports: ['protocol'] },
  'engine-text': { files: 'src/engine/text/**', imports: ['protocol', 'engine-files'] },
  'engine-primitives': {
    files: 'src/engine/variants/primitives/**',
    imports: ['protocol', 'engine-onnx', 'engine-math'],
  },
  'engine-variants': {
    files: 'src/engine/variants/**',
    imports: ['protocol', 'engine-primitives', 'engine-onnx'],
  },
  'engine-model': {
    files: 'src/engine/model/**',
    imports: ['protocol', 'engine-onnx', 'engine-math', 'engine-files'],
  },
  'engine-runtime': { files: 'src/engine/runtime/**', imports: ['protocol', 'engine-onnx'] },
  'engine-exported': {
    files: 'src/engine/onnxModel/**',
    imports: ['protocol', 'engine-onnx', 'engine-files', 'engine-model', 'engine-runtime'],
  },
  'engine-analysis': {
    files: 'src/engine/analysis/**',
    imports: ['protocol', 'engine-primitives', 'engine-onnx'],
  },
  'engine-face': {
    files: 'src/engine/{*,commands/*,compare/*,check/*,exported/*,html/*}.ts',
    imports: [
      'protocol',
      'engine-files',
      'engine-model',
      'engine-exported',
      'engine-variants',
      'engine-primitives',
      'engine-runtime',
      'engine-text',
      'engine-analysis',
      'engine-onnx',
    ],
  },

  bench: {
    files: 'bench/**',
    imports: [
      'protocol',
      'engine-face',
      'engine-model',
      'engine-variants',
      'engine-primitives',
      'engine-runtime',
      'engine-text',
      'engine-analysis',
      'engine-onnx',
    ],
  },
};

/** Modules that one part alone may import; tests may too. */
const soleImporters = {
  vscode: 'extension',
  'onnxruntime-node': 'engine-runtime',
  '@vscode/webview-ui-toolkit': 'webview-ui',
};

/** @param {string | string[]} names */
const part = names => ({ file: { categories: names } });

/** @type {import('eslint').Linter.Config} */
const arrows = {
  files: ['src/**/*.ts', 'webview/**/*.ts', 'bench/**/*.ts'],
  // Its types are of another module format than its code.
  plugins: {
    boundaries: /** @type {import('eslint').ESLint.Plugin} */ (/** @type {unknown} */ (boundaries)),
  },
  settings: {
    'boundaries/root-path': import.meta.dirname,
    'boundaries/files': Object.entries(parts).map(([category, { files }]) => ({ category, pattern: files })),
    'boundaries/files-single-match': true,
    'boundaries/legacy-templates': false,
    'boundaries/dependency-nodes': ['import', 'dynamic-import', 'export', 'require'],
  },
  rules: {
    'boundaries/no-unknown-files': 'error',
    'boundaries/dependencies': [
      'error',
      {
        default: 'allow',
        checkAllOrigins: true,
        checkInternals: true,
        checkUnknownLocals: true,
        policies: [
          {
            disallow: { to: { module: { origin: 'local' } } },
            message: 'This part of the house may not import that one.',
          },
          ...Object.entries(parts).map(([name, { imports }]) => ({
            from: part(name),
            allow: { to: part([name, ...imports]) },
          })),
          ...Object.entries(soleImporters).flatMap(([source, owner]) => [
            { disallow: { to: { module: { source } } }, message: `Only ${owner} imports ${source}.` },
            { from: part(owner), allow: { to: { module: { source } } } },
          ]),
          {
            from: part('protocol'),
            disallow: { to: { module: { origin: ['external', 'core'] } } },
            message: 'The protocol imports nothing.',
          },
        ],
      },
    ],
  },
};

export default defineConfig(
  globalIgnores(['dist/', 'out/', 'models/', 'coverage/', '.vscode-test/', 'src/engine/onnx/onnx_pb.*']),
  {
    files: ['**/*.ts', '**/*.mts', '**/*.mjs'],
    plugins: { 'import-x': importX },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    settings: {
      'import-x/resolver-next': [
        createTypeScriptImportResolver({
          noWarnOnMultipleProjects: true,
          project: ['tsconfig.json', 'webview/tsconfig.json'],
        }),
      ],
      'import/resolver': {
        typescript: { noWarnOnMultipleProjects: true, project: ['tsconfig.json', 'webview/tsconfig.json'] },
      },
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts', '.mts'] },
    },
    rules: {
      eqeqeq: 'error',
      'no-console': 'off',
    },
  },
  {
    files: ['**/*.ts', '**/*.mts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        project: [
          'tsconfig.json',
          'webview/tsconfig.json',
          'test/e2e/tsconfig.json',
          'scripts/tsconfig.json',
        ],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      // Numeric code: indexed access is checked by its loop, and numbers print as they are.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/prefer-for-of': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Code points are what is meant where text is spread.
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-empty-function': ['error', { allow: ['arrowFunctions'] }],
      '@typescript-eslint/unbound-method': 'off',
      // The browser makes custom elements, not their constructors.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // Interfaces with promises in them are implemented by quick functions too.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'import-x/no-default-export': 'error',
    },
  },
  {
    files: ['src/**/*.ts', 'webview/**/*.ts', 'bench/**/*.ts'],
    rules: { 'max-lines': ['error', { max: 250, skipBlankLines: true, skipComments: true }] },
  },
  arrows,
  { files: ['*.config.mts'], rules: { 'import-x/no-default-export': 'off' } },
);
