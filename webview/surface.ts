/** A canvas that stays crisp and redraws at most once a frame; out of view, when nothing has changed for a while. */

import type { Palette } from './draw/palette';
import type { Context, Size } from './draw/pen';
import type { Theme } from './theme';

export type Draw = (context: Context, size: Size, palette: Palette) => void;

/** Something to draw, and the size it has on the page. */
export interface Drawing {
  readonly size: Size;
  readonly draw: Draw;
}

/** The width of drawings that are not on the page. */
const UNSEEN_WIDTH = 640;

/** How far outside the window a drawing is kept up to date with every frame, so that scrolling finds it so. */
const NEAR = '160px';

/** How long nothing must change before a drawing further away is brought up to date. */
const UNSEEN_MS = 200;

export class Surface {
  readonly canvas: HTMLCanvasElement;
  private readonly theme: Theme;
  private readonly draw: Draw;
  private frame = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isNear = true;

  constructor(theme: Theme, draw: Draw, label?: string) {
    this.theme = theme;
    this.draw = draw;
    this.canvas = document.createElement('canvas');
    if (label === undefined) this.canvas.setAttribute('aria-hidden', 'true');
    else {
      this.canvas.setAttribute('role', 'img');
      this.canvas.setAttribute('aria-label', label);
    }
    new ResizeObserver(() => this.invalidate()).observe(this.canvas);
    theme.onChange(() => this.invalidate());
    new IntersectionObserver(
      entries => {
        this.isNear = entries.at(-1)?.isIntersecting ?? true;
        if (this.isNear && this.timer !== undefined) this.invalidate();
      },
      { rootMargin: NEAR },
    ).observe(this.canvas);
  }

  get size(): Size {
    return { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  /** For a file; a hidden drawing has the size it would have on a page of its own. */
  get drawing(): Drawing {
    const { width, height } = this.size;
    const size = {
      width: width || UNSEEN_WIDTH,
      height: height || parseFloat(this.canvas.style.height) || 0,
    };
    return { size, draw: this.draw };
  }

  /** Draws in the next frame, or soon where nobody sees it. */
  invalidate(): void {
    clearTimeout(this.timer);
    this.timer = this.isNear ? undefined : setTimeout(() => this.paintNext(), UNSEEN_MS);
    if (this.isNear) this.paintNext();
  }

  private paintNext(): void {
    this.timer = undefined;
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  private paint(): void {
    const { width, height } = this.size;
    if (width === 0 || height === 0) return;
    const ratio = window.devicePixelRatio;
    const across = Math.round(width * ratio);
    const down = Math.round(height * ratio);
    if (this.canvas.width !== across) this.canvas.width = across;
    if (this.canvas.height !== down) this.canvas.height = down;
    const context = this.canvas.getContext('2d');
    if (context === null) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.save();
    this.draw(context, { width, height }, this.theme.palette);
    context.restore();
  }
}
