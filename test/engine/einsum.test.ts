/** Which tensor is which in an Einsum node, by its letters alone. */

import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';

import { arranged, scoreOperands, valueOperand } from '../../src/engine/onnxModel/einsum';
import { Attribute_Type, type Node, NodeSchema } from '../../src/engine/onnx/onnx_pb';
import { floats } from '../../src/engine/onnx/tensor';

function einsum(equation: string, input = ['a', 'b']): Node {
  const s = new TextEncoder().encode(equation);
  const attribute = [{ name: 'equation', type: Attribute_Type.STRING, s }];
  return create(NodeSchema, { opType: 'Einsum', input, output: ['c'], attribute });
}

describe('queries and keys', () => {
  it.each([
    ['bhid,bhjd->bhij', 0],
    ['BTNH,BFNH->BNFT', 1],
    [' ...xz , ...yz -> ...xy ', 0],
    ['id,jd->ij', 0],
    ['bgrid,bgjd->bgrij', 0],
  ])('are told in %s', (equation, queries) => {
    const { q, k } = scoreOperands(einsum(equation))!;
    expect(q.input).toBe(queries);
    expect(k.input).toBe(1 - queries);
  });

  it.each([
    ['a sum over heads too', 'bhid,bhjd->bij'],
    ['nothing summed', 'bhi,bhj->bhij'],
    ['two letters summed', 'bhide,bhjde->bhij'],
    ['a diagonal', 'bhii,bhji->bhij'],
    ['keys shared in turns', 'bgrid,brjd->bgrij'],
    ['no result named', 'bhid,bhjd'],
    ['one operand', 'bhid->bhdi'],
    ['heads of the keys alone', 'bid,bhjd->bhij'],
    ['what is no equation', 'b[id],bj->ij'],
  ])('are not those of %s', (_, equation) => {
    expect(scoreOperands(einsum(equation))).toBeUndefined();
  });

  it('are two', () => {
    expect(scoreOperands(einsum('bhid,bhjd->bhij', ['a', 'b', 'c']))).toBeUndefined();
  });
});

describe('values', () => {
  it.each([
    ['bhij,bhjd->bhid', 'a', 1],
    ['bhjd,bhij->bihd', 'b', 0],
    ['...ij,...jd->...id', 'a', 1],
    ['bgrij,bgjd->bgrid', 'a', 1],
  ])('are told in %s', (equation, weights, input) => {
    expect(valueOperand(einsum(equation), weights)!.input).toBe(input);
  });

  it.each([
    ['a sum over heads', 'bhij,bhjd->bid', 'a'],
    ['a sum over queries', 'bhij,bhid->bhjd', 'a'],
    ['weights that are not there', 'bhij,bhjd->bhid', 'z'],
    ['no features', 'bhij,bhj->bhi', 'a'],
  ])('are not those of %s', (_, equation, weights) => {
    expect(valueOperand(einsum(equation), weights)).toBeUndefined();
  });
});

describe('a tensor', () => {
  it('is arranged by heads, tokens and features', () => {
    const { k } = scoreOperands(einsum('bqhc,bckh->bhqk'))!;
    // [b, c, k, h] of 1, 2, 3, 2: the number at each place is its place in [h, k, c].
    const data = new Float32Array(12);
    for (let c = 0; c < 2; c++) {
      for (let token = 0; token < 3; token++) {
        for (let h = 0; h < 2; h++) data[(c * 3 + token) * 2 + h] = (h * 3 + token) * 2 + c;
      }
    }
    const heads = arranged(floats([1, 2, 3, 2], data), k.arrangement);
    expect(heads).toMatchObject({ heads: 2, tokens: 3, width: 2 });
    expect([...heads.data]).toEqual(Array.from({ length: 12 }, (_, at) => at));
  });

  it('of other axes is a misfit', () => {
    const { k } = scoreOperands(einsum('bhid,bhjd->bhij'))!;
    expect(() => arranged(floats([2, 3, 4]), k.arrangement)).toThrow(/is \[2, 3, 4\]/);
    expect(() => arranged(floats([1, 1, 2, 3, 4]), k.arrangement)).toThrow(/is \[1, 1, 2, 3, 4\]/);
  });
});
