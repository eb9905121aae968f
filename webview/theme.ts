/** Follows the theme of the window. */

import type { Palette } from './draw/palette';
import { paletteOf } from './draw/palette';

export class Theme {
  private current: Palette;
  private readonly listeners = new Set<() => void>();

  constructor() {
    this.current = read();
    publish(this.current);
    const observer = new MutationObserver(() => {
      this.current = read();
      publish(this.current);
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

/** Lets the style sheet's legends have the very colours of the drawings. */
function publish({ sink, span }: Palette): void {
  document.body.style.setProperty('--sink', sink);
  document.body.style.setProperty('--span', span);
}
