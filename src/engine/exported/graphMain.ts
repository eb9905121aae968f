/** Entry of the process that runs an exported graph: the transport, and its end with its parent's. */

import { Worker } from 'node:worker_threads';
import { createBirpc } from 'birpc';

import { decodeMessage, encodeMessage } from '../../protocol/problem';
import type { GraphApi, GraphEvents } from './graphApi';
import { createGraphServer } from './graphServer';

// A run blocks this thread, which then hears nothing of its parent's end; another thread looks for it.
const WATCH = `
  const { workerData: parent } = require('node:worker_threads');
  setInterval(() => {
    try {
      process.kill(parent, 0);
    } catch {
      process.kill(process.pid, 'SIGKILL');
    }
  }, 500);
`;
new Worker(WATCH, { eval: true, workerData: process.ppid }).unref();
process.on('disconnect', () => process.exit(0));

const rpc = createBirpc<GraphEvents, GraphApi>(
  createGraphServer({ progress: share => void rpc.progress.asEvent(share) }),
  {
    post: message => process.send?.(message),
    on: listener => process.on('message', listener),
    serialize: encodeMessage,
    deserialize: decodeMessage,
    timeout: -1,
  },
);
