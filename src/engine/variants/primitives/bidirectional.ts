/** Of variants that see both ways and have no causal form. */

import { Problem } from '../../../protocol/problem';
import { boolean } from './params';

export const bidirectional = boolean(false, 'False only: it sees later tokens too, and has no causal form.');

/** @throws Problem when the causal form is asked for. */
export function requireBidirectional(variant: string, causal: boolean): void {
  if (!causal) return;
  throw new Problem(
    `The variant '${variant}' mixes the whole document and has no causal form. Leave 'causal' at false.`,
  );
}
