/** Entry of the engine process: the transport and nothing else. */

import { createBirpc } from 'birpc';

import type { EngineApi, EngineEvents } from '../protocol/engine';
import { decodeMessage, encodeMessage } from '../protocol/problem';
import { createEngine } from './engine';

// Not without its parent: no orphan is left when the extension host ends.
process.on('disconnect', () => process.exit(0));

/** A folder for what does not fit in memory. */
const [, , storage] = process.argv;

const rpc = createBirpc<EngineEvents, EngineApi>(
  createEngine(
    {
      started: summary => void rpc.started.asEvent(summary),
      progress: progress => void rpc.progress.asEvent(progress),
      log: (level, message) => void rpc.log.asEvent(level, message),
    },
    storage === undefined ? {} : { directory: storage },
  ),
  {
    post: message => process.send?.(message),
    on: listener => process.on('message', listener),
    serialize: encodeMessage,
    deserialize: decodeMessage,
    timeout: -1,
  },
);
