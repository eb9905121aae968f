/** What a model's logits say of the tokens that followed. */

export interface TokenScores {
  /** `[N]` nats; entry 0 is NaN. */
  readonly losses: Float32Array;
  /** `[N, P]`: the tokens that are expected after each, the likeliest first. */
  readonly predictions: Int32Array;
  /** `[N, P]` */
  readonly logProbabilities: Float32Array;
}

/**
 * @param logits `[N, V]`
 * @param ids `[N]`
 * @param count `P`, how many predictions are kept.
 */
export function scoreTokens(logits: Float32Array, ids: Int32Array, count: number): TokenScores {
  const tokens = ids.length;
  const vocabulary = logits.length / tokens;
  const losses = new Float32Array(tokens).fill(NaN);
  const predictions = new Int32Array(tokens * count);
  const logProbabilities = new Float32Array(tokens * count).fill(-Infinity);
  for (let token = 0; token < tokens; token++) {
    const row = logits.subarray(token * vocabulary, (token + 1) * vocabulary);
    const sum = logSum(row);
    if (token + 1 < tokens) losses[token + 1] = sum - row[ids[token + 1]!]!;
    largest(row, count).forEach((id, rank) => {
      predictions[token * count + rank] = id;
      logProbabilities[token * count + rank] = row[id]! - sum;
    });
  }
  return { losses, predictions, logProbabilities };
}

function logSum(row: Float32Array): number {
  let most = -Infinity;
  for (const value of row) if (value > most) most = value;
  let sum = 0;
  for (const value of row) sum += Math.exp(value - most);
  return most + Math.log(sum);
}

/** Indices of the largest numbers, best first. */
function largest(row: Float32Array, count: number): readonly number[] {
  const best: number[] = [];
  for (let id = 0; id < row.length; id++) {
    const value = row[id]!;
    if (best.length === count && value <= row[best.at(-1)!]!) continue;
    let place = best.length;
    while (place > 0 && value > row[best[place - 1]!]!) place -= 1;
    best.splice(place, 0, id);
    best.length = Math.min(count, best.length);
  }
  return best;
}
