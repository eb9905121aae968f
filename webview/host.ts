/** The panel's end of the channel to the extension. */

import { createBirpc } from 'birpc';
import type { HostApi, PanelApi } from '../src/protocol/panel';
import { decodeMessage, encodeMessage } from '../src/protocol/problem';

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

export interface Connection {
  readonly host: HostApi;
  /** What the page saved before it was last closed; of any shape. */
  saved(): unknown;
  save(state: unknown): void;
}

/** A message of the kinds that the channel knows: a call or an answer. */
function isCall(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 't' in data && (data.t === 'q' || data.t === 's');
}

export function connect(panel: PanelApi): Connection {
  const vscode = acquireVsCodeApi();
  const host = createBirpc<HostApi, PanelApi>(panel, {
    post: message => vscode.postMessage(message),
    on: receive => {
      window.addEventListener('message', (event: MessageEvent<unknown>) => {
        if (isCall(event.data)) receive(event.data);
      });
    },
    serialize: encodeMessage,
    deserialize: decodeMessage,
    timeout: -1,
  });
  return { host, saved: () => vscode.getState(), save: state => vscode.setState(state) };
}
