/**
 * Typed arrays for the panel. Arrays from the engine can be views into the whole message they came in,
 * and a message to the panel carries a view's entire buffer; so each is copied to a buffer of its own.
 */
export function compact<T>(value: T): T {
  return squeeze(value) as T;
}

function squeeze(value: unknown): unknown {
  if (value instanceof Float32Array || value instanceof Int32Array) return value.slice();
  if (Array.isArray(value)) return value.map(squeeze);
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, squeeze(entry)]));
  }
  return value;
}
