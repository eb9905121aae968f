/** Products of two tensors as Einsum nodes write them, by the letters of their axes: `bhid,bhjd->bhij`. */

import type { Node } from '../onnx/onnx_pb';
import type { FloatTensor } from '../onnx/tensor';
import { isStandard, text } from './graphIndex';
import { type Heads, Misfit } from './heads';

/** The axes of a tensor in order: letters, or `...` for all those that have none. */
type Letters = readonly string[];

/** Which of a tensor's axes are heads, tokens and features: `[...heads, token, feature]`. */
export interface Arrangement {
  readonly letters: Letters;
  readonly heads: Letters;
  readonly token: string;
  readonly feature: string;
}

interface Terms {
  readonly inputs: readonly [Letters, Letters];
  readonly output: Letters;
}

/** An operand of the node: which input it is, and how it is laid out. */
export interface LetteredInput {
  readonly input: 0 | 1;
  readonly arrangement: Arrangement;
}

const ELLIPSIS = '...';

/** Queries and keys of a product whose result is `[...heads, query, key]`; undefined for another one. */
export function scoreOperands(
  node: Node,
): { readonly q: LetteredInput; readonly k: LetteredInput } | undefined {
  const terms = termsOf(node);
  if (terms === undefined) return undefined;
  const { inputs, output } = terms;
  const heads = output.slice(0, -2);
  const [row, column] = output.slice(-2);
  for (const first of [0, 1] as const) {
    const [q, k] = [inputs[first], inputs[1 - first]!];
    const feature = q.find(letter => k.includes(letter) && !output.includes(letter));
    if (row === undefined || column === undefined || feature === undefined) return undefined;
    const arrangements = [
      { letters: q, heads, token: row, feature },
      { letters: k, heads, token: column, feature },
    ] as const;
    if (!arrangements.every(isWhole) || !heads.every(letter => q.includes(letter))) continue;
    const [forQueries, forKeys] = arrangements;
    return {
      q: { input: first, arrangement: forQueries },
      k: { input: first === 0 ? 1 : 0, arrangement: forKeys },
    };
  }
  return undefined;
}

/** The values that weights `[...heads, query, key]` are multiplied with; undefined for another product. */
export function valueOperand(node: Node, weights: string): LetteredInput | undefined {
  const terms = termsOf(node);
  const at = node.input.indexOf(weights);
  if (terms === undefined || (at !== 0 && at !== 1)) return undefined;
  const { inputs, output } = terms;
  const [own, values] = [inputs[at], inputs[1 - at]!];
  const heads = own.slice(0, -2);
  const [row, column] = own.slice(-2);
  const feature = values.find(letter => output.includes(letter) && !own.includes(letter));
  if (row === undefined || column === undefined || feature === undefined) return undefined;
  const arrangement = { letters: values, heads, token: column, feature };
  const isMixed = !output.includes(column) && [...heads, row].every(letter => output.includes(letter));
  return isMixed && isWhole(arrangement) ? { input: at === 0 ? 1 : 0, arrangement } : undefined;
}

/**
 * Whether the letters are heads, a token and a feature, all told. Heads that share a tensor lack letters, which
 * must be the last ones: so they share it in runs, as grouped queries do.
 */
function isWhole({ letters, heads, token, feature }: Arrangement): boolean {
  const own = heads.filter(letter => letters.includes(letter));
  return (
    token !== ELLIPSIS &&
    feature !== ELLIPSIS &&
    letters.length === own.length + 2 &&
    letters.includes(token) &&
    letters.includes(feature) &&
    own.every((letter, at) => letter === heads[at])
  );
}

function termsOf(node: Node): Terms | undefined {
  if (!isStandard(node) || node.opType !== 'Einsum' || node.input.length !== 2) return undefined;
  const [, ...parts] = /^([^,]+),([^,]+)->([^,]+)$/.exec(text(node, 'equation').replaceAll(' ', '')) ?? [];
  const [first, second, output] = parts.map(lettersOf);
  return first && second && output && { inputs: [first, second], output };
}

/** Undefined for a term that repeats a letter, and takes a diagonal. */
function lettersOf(term: string): Letters | undefined {
  const letters = term.match(/\.\.\.|[A-Za-z]/g) ?? [];
  return letters.join('') === term && new Set(letters).size === letters.length ? letters : undefined;
}

/** The tensor as `[H, N, D]`. @throws Misfit for one of another number of axes. */
export function arranged({ shape, data }: FloatTensor, arrangement: Arrangement): Heads {
  const { letters, heads, token, feature } = arrangement;
  const open = shape.length - letters.filter(letter => letter !== ELLIPSIS).length;
  if (open < 0 || (open > 0 && !letters.includes(ELLIPSIS))) throw new Misfit(`is [${shape.join(', ')}]`);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((size, length) => size * length, 1));
  const axes = new Map<string, { readonly length: number; readonly stride: number }[]>();
  let axis = 0;
  for (const letter of letters) {
    const count = letter === ELLIPSIS ? open : 1;
    axes.set(
      letter,
      Array.from({ length: count }, () => ({ length: shape[axis]!, stride: strides[axis++]! })),
    );
  }
  let starts = [0];
  for (const { length, stride } of heads.flatMap(letter => axes.get(letter) ?? [])) {
    starts = starts.flatMap(start => Array.from({ length }, (_, at) => start + at * stride));
  }
  const [tokens, features] = [axes.get(token)![0]!, axes.get(feature)![0]!];
  const into = new Float32Array(starts.length * tokens.length * features.length);
  let to = 0;
  for (const start of starts) {
    for (let t = 0; t < tokens.length; t++) {
      const from = start + t * tokens.stride;
      for (let d = 0; d < features.length; d++) into[to++] = data[from + d * features.stride]!;
    }
  }
  return { heads: starts.length, tokens: tokens.length, width: features.length, data: into };
}
