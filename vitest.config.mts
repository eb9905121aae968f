import process from 'node:process';

import { defineConfig } from 'vitest/config';

import { swiftShader } from './scripts/lib/paths.mjs';

// Before any worker starts: Vulkan reads the environment of its process.
Object.assign(process.env, swiftShader());

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/extension/**', 'test/e2e/**'],
    // Processes, not threads: ONNX Runtime allows one GPU thread a process.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
