import type { Blueprint } from './architecture';
import type { TensorEntry } from './tensor';

/**
 * Tensors by the names that an architecture's models with a head have: a bare body lacks the prefix,
 * older or larger models have another, and some names have changed.
 */
export function canonicalNames(
  { prefix, otherPrefixes = [], anchor, renamed = [] }: Blueprint['layout'],
  published: ReadonlyMap<string, TensorEntry>,
): ReadonlyMap<string, TensorEntry> {
  const tensors = new Map(published);
  for (const [name, entry] of published) {
    const change = renamed.find(([old]) => name.endsWith(old));
    if (change === undefined) continue;
    tensors.delete(name);
    tensors.set(name.slice(0, -change[0].length) + change[1], entry);
  }
  const used = [prefix, ...otherPrefixes, ''].find(candidate => tensors.has(`${candidate}${anchor}`));
  if (used === undefined || used === prefix) return tensors;
  const known = new Map<string, TensorEntry>();
  for (const [name, entry] of tensors) {
    known.set(name.startsWith(used) ? `${prefix}${name.slice(used.length)}` : name, entry);
  }
  // With no prefix to go by, what belongs to the head has been given one too.
  for (const [name, entry] of tensors) if (!known.has(name)) known.set(name, entry);
  return known;
}
