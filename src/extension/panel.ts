/** The panel, as a view in the side bar and as an editor: pages that talk to one host. */

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { createBirpc, type BirpcReturn } from 'birpc';
import type { HostApi, PanelApi } from '../protocol/panel';
import { encodeMessage, Problem } from '../protocol/problem';
import type { Choices } from './choices';
import type { CompareResults } from './compareResults';
import type { Inspections } from './inspections';
import type { PanelHost } from './panelHost';
import { readMessage } from './panelMessages';
import { panelPage } from './panelPage';
import type { SettingsStore } from './settings';

export const PANEL_VIEW = 'longsight.panel';
const BESIDE = 'longsight.panelBeside';

/** State changes within this many milliseconds are sent once. */
const CALM = 16;

interface Page {
  readonly rpc: BirpcReturn<PanelApi, HostApi, false>;
  visible(): boolean;
}

export class Panel implements vscode.WebviewViewProvider, vscode.WebviewPanelSerializer {
  private readonly extension: vscode.Uri;
  private readonly host: PanelHost;
  private readonly log: vscode.LogOutputChannel;
  private readonly pages = new Set<Page>();
  private readonly subscriptions: readonly { dispose(): void }[];
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** The inspection that the pages were told of last. */
  private pushedId: string | undefined;
  private beside: vscode.WebviewPanel | undefined;

  constructor(
    extension: vscode.Uri,
    host: PanelHost,
    log: vscode.LogOutputChannel,
    watched: {
      readonly inspections: Inspections;
      readonly choices: Choices;
      readonly settings: SettingsStore;
      readonly results: CompareResults;
    },
  ) {
    this.extension = extension;
    this.host = host;
    this.log = log;
    const changed = (): void => {
      // Before any answer about it, which would be drawn as one about what is still shown.
      if (host.shownId !== this.pushedId) this.push();
      else this.timer ??= setTimeout(() => this.push(), CALM);
    };
    this.subscriptions = [
      watched.inspections.changed.on(changed),
      watched.choices.changed.on(changed),
      watched.settings.changed.on(changed),
      watched.results.changed.on(changed),
      vscode.window.registerWebviewViewProvider(PANEL_VIEW, this),
      vscode.window.registerWebviewPanelSerializer(BESIDE, this),
    ];
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.attach(
      view.webview,
      () => view.visible,
      listener => view.onDidDispose(listener),
    );
  }

  deserializeWebviewPanel(panel: vscode.WebviewPanel): Promise<void> {
    this.adopt(panel);
    return Promise.resolve();
  }

  /** Whether a person can see it, in either place. */
  get isVisible(): boolean {
    return [...this.pages].some(page => page.visible());
  }

  /** Moves the focus to the view, wherever it was moved to. */
  async show(): Promise<void> {
    await vscode.commands.executeCommand(`${PANEL_VIEW}.focus`);
  }

  /** Opens the panel as an editor beside the text, or shows the one that is open. */
  openBeside(): void {
    if (this.beside !== undefined) {
      this.beside.reveal(undefined, true);
      return;
    }
    const where = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    this.adopt(vscode.window.createWebviewPanel(BESIDE, 'Longsight', where));
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const subscription of this.subscriptions) subscription.dispose();
    this.beside?.dispose();
  }

  private adopt(panel: vscode.WebviewPanel): void {
    this.beside = panel;
    const media = vscode.Uri.joinPath(this.extension, 'media');
    panel.iconPath = {
      light: vscode.Uri.joinPath(media, 'longsight-light.svg'),
      dark: vscode.Uri.joinPath(media, 'longsight-dark.svg'),
    };
    this.attach(
      panel.webview,
      () => panel.visible,
      listener => panel.onDidDispose(listener),
    );
    panel.onDidDispose(() => {
      if (this.beside === panel) this.beside = undefined;
    });
  }

  private attach(
    webview: vscode.Webview,
    visible: () => boolean,
    onDispose: (listener: () => void) => vscode.Disposable,
  ): void {
    const dist = vscode.Uri.joinPath(this.extension, 'dist');
    webview.options = { enableScripts: true, localResourceRoots: [dist] };
    let received: vscode.Disposable | undefined;
    const page: Page = {
      visible,
      rpc: createBirpc<PanelApi, HostApi, false>(this.host, {
        proxify: false,
        timeout: -1,
        bind: 'functions',
        post: message => void webview.postMessage(message),
        on: receive => {
          received = webview.onDidReceiveMessage((message: unknown) =>
            this.receive(webview, message, receive),
          );
        },
        serialize: encodeMessage,
      }),
    };
    this.pages.add(page);
    onDispose(() => {
      received?.dispose();
      page.rpc.$close(new Problem('The panel was closed.'));
      this.pages.delete(page);
    });
    webview.html = panelPage({
      script: webview.asWebviewUri(vscode.Uri.joinPath(dist, 'webview.js')).toString(),
      style: webview.asWebviewUri(vscode.Uri.joinPath(dist, 'webview.css')).toString(),
      source: webview.cspSource,
      nonce: randomBytes(16).toString('hex'),
    });
  }

  private receive(webview: vscode.Webview, message: unknown, act: (request: unknown) => void): void {
    const read = readMessage(message);
    if (read.ok) {
      act(read.request);
      return;
    }
    this.log.warn(read.problem.message);
    // Answered as `birpc` would, so that the page's call does not wait for ever.
    if (read.id !== undefined) void webview.postMessage(encodeMessage(failure(read.id, read.problem)));
  }

  private push(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.pushedId = this.host.shownId;
    const state = this.host.snapshot();
    for (const page of this.pages) {
      // A hidden page asks for the state when it is shown again.
      if (page.visible()) page.rpc.$callEvent('stateChanged', state).catch(() => {});
    }
  }
}

function failure(id: string, problem: Problem): { readonly t: 's'; readonly i: string; readonly e: Problem } {
  return { t: 's', i: id, e: problem };
}
