/** Tiles of the attention map as pictures, one pixel a cell, painted again when colours change. */

import type { MapTile } from '../src/protocol/map';
import type { MapScale, MapShows } from './draw/mapCells';
import { paintTile, shadesOf } from './draw/mapCells';
import type { Palette } from './draw/palette';

interface Painted {
  readonly key: string;
  readonly canvas: HTMLCanvasElement;
}

export class MapPictures {
  private readonly painted = new WeakMap<MapTile, Painted>();
  private readonly shades = new WeakMap<Palette, Record<'mass' | 'missed', Uint8ClampedArray>>();
  private readonly palettes = new WeakMap<Palette, number>();
  private palettesSeen = 0;

  of(tile: MapTile, shows: MapShows, scale: MapScale, palette: Palette): HTMLCanvasElement {
    const key = `${shows} ${scale.top} ${scale.keys} ${this.numberOf(palette)}`;
    const before = this.painted.get(tile);
    if (before?.key === key) return before.canvas;
    const canvas = before?.canvas ?? document.createElement('canvas');
    canvas.width = tile.columns;
    canvas.height = tile.lines;
    const shades = this.shadesOf(palette)[shows === 'missed' ? 'missed' : 'mass'];
    const pixels = new ImageData(paintTile(tile, shows, scale, shades), tile.columns, tile.lines);
    canvas.getContext('2d')?.putImageData(pixels, 0, 0);
    this.painted.set(tile, { key, canvas });
    return canvas;
  }

  private shadesOf(palette: Palette): Record<'mass' | 'missed', Uint8ClampedArray> {
    let shades = this.shades.get(palette);
    shades ??= {
      mass: shadesOf(palette.ramp, palette.background),
      missed: shadesOf(palette.missed, palette.background),
    };
    this.shades.set(palette, shades);
    return shades;
  }

  private numberOf(palette: Palette): number {
    const number = this.palettes.get(palette) ?? ++this.palettesSeen;
    this.palettes.set(palette, number);
    return number;
  }
}
