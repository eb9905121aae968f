/** Numbers of a report as a person reads them. */

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function whole(value: number): string {
  return Number.isFinite(value) ? grouped.format(value) : '–';
}

export function fixed(digits: number): (value: number) => string {
  return value => (Number.isFinite(value) ? value.toFixed(digits).replace('-', '−') : '–');
}

/** A share as percent. */
export function percent(value: number): string {
  return Number.isFinite(value) ? `${fixed(1)(100 * value)} %` : '–';
}

/** At most three figures where there is a fraction. */
export function brief(value: number): string {
  return value < 100 && !Number.isInteger(value) ? fixed(1)(value) : whole(value);
}
