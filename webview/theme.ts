/** Follows the theme of the window. */

import type { Palette } from './draw/palette';
import { paletteOf } from './draw/palette';

export class Theme {
  private current: Palette;
  private readonly listeners = new Set<() => void>();

  constructor() {
    this.current = read();
    const observer = new MutationObserver(() => {
      this.current = read();
      for (const listener of this.listeners) listener();
    });
    observer.observe(document.body, {
      attributes: true,
      attributeFilter: ['class', 'data-vscode-theme-kind'],
    });
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style', 'class'] });
  }

  get palette(): Palette {
    return this.current;
  }

  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }
}

function read(): Palette {
  const style = getComputedStyle(document.body);
  const kind = document.body.dataset['vscodeThemeKind'] ?? 'vscode-dark';
  return paletteOf(name => style.getPropertyValue(name), kind);
}
