/**
 * Rotary position embedding: queries and keys turn by `position · base^(-2d/D)` in each pair
 * `(d, d + D/2)`, so that scores depend on `i - j`. It turns what it is given: over a model whose queries
 * and keys are already rotated, it comes on top.
 *
 * Su et al. 2021, arXiv 2104.09864, section 3.2. Scalings as Hugging Face configs name them: `linear`,
 * `dynamic`, `yarn` (arXiv 2309.00071) and `llama3`; `ntk` is `base · factor^(D/(D-2))`.
 */

import { modifier } from './modifier';
import { planNode } from './primitives/planNode';
import { rotaryOf, rotaryParams } from './primitives/rotaryParams';
import { rotated } from './primitives/rotate';
import { ropeScore } from './rope.reference';

const stretch = { factor: 4, original_max_position_embeddings: 64 };

export const rope = modifier({
  id: 'rope',
  title: 'Rotary positions',
  summary: 'Queries and keys turn with their positions, so that scores depend on the distance.',
  source: 'arXiv 2104.09864, 2309.00071',
  trainingClass: 'TF',
  plan: ['wavelengths'],
  params: rotaryParams,
  examples: [
    { params: {} },
    { params: { scaling: 'linear', factor: 3, causal: false } },
    { params: { scaling: 'ntk', factor: 2, base: 500 } },
    { params: { scaling: 'dynamic', ...stretch } },
    { params: { scaling: 'yarn', ...stretch, beta_fast: 8 } },
    { params: { scaling: 'llama3', ...stretch, inner: 'local', window: 40 } },
  ],

  modified(layer, params) {
    const { q, k, tokens } = layer;
    const turns = rotaryOf('rope', params, q.shape[2]!, tokens);
    return { ...layer, q: rotated(q, turns), k: rotated(k, turns) };
  },

  score: ropeScore,

  /** The tokens in which each pair turns once: beyond them it repeats. */
  structure({ tokens, q }, params, query) {
    const { frequencies } = rotaryOf('rope', params, q.shape[2]!, tokens);
    return Array.from(frequencies, (frequency, pair) => {
      const wavelength = (2 * Math.PI) / frequency;
      const label = `pair ${pair}: a turn in ${Number(wavelength.toPrecision(3))} tokens`;
      const end = query === undefined ? Math.min(tokens, Math.ceil(wavelength)) : query + 1;
      return planNode('wavelength', label, [Math.max(0, end - Math.ceil(wavelength)), end]);
    });
  },
});
