/** How a figure grows with length, as an exponent. */

export interface Point {
  readonly tokens: number;
  readonly value: number;
}

/** The least-squares slope of `log value` over `log tokens`; NaN for fewer than two points. */
export function slope(points: readonly Point[]): number {
  const known = points.filter(({ value }) => value > 0);
  const x = known.map(({ tokens }) => Math.log(tokens));
  const y = known.map(({ value }) => Math.log(value));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(x), mean(y)];
  const covariance = x.reduce((sum, value, at) => sum + (value - meanX) * (y[at]! - meanY), 0);
  const variance = x.reduce((sum, value) => sum + (value - meanX) ** 2, 0);
  return known.length < 2 ? NaN : covariance / variance;
}
