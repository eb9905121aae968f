/** A drawing context that draws nothing and remembers what it was told. */

import type { Context } from '../../../webview/draw/pen';

export interface Recorded {
  readonly pen: Context;
  /** Names of the methods called, in order. */
  readonly calls: string[];
  readonly texts: string[];
  /** Calls with a number that is not finite, or with a negative radius. */
  readonly wrong: string[];
}

/** Letters are 6 px wide. */
export function penOf(): Recorded {
  const calls: string[] = [];
  const texts: string[] = [];
  const wrong: string[] = [];
  const fields: Record<string, unknown> = {};
  const pen = new Proxy(fields, {
    get: (target, name: string) => {
      if (name === 'measureText') return (text: string) => ({ width: text.length * 6 });
      if (name in target) return target[name];
      return (...args: readonly unknown[]) => {
        calls.push(name);
        if (name === 'fillText') texts.push(String(args[0]));
        const numbers = args.filter(arg => typeof arg === 'number');
        const radius = name === 'ellipse' ? Math.min(numbers[2] ?? 0, numbers[3] ?? 0) : 0;
        if (!numbers.every(Number.isFinite) || radius < 0) wrong.push(`${name}(${numbers.join(', ')})`);
      };
    },
    set: (target, name: string, value: unknown) => {
      target[name] = value;
      return true;
    },
  });
  return { pen: pen as unknown as Context, calls, texts, wrong };
}
