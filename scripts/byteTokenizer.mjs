/**
 * A `tokenizer.json` of bytes without merges, so that any text can be inspected: `<|endoftext|>` is 0, byte `b` is
 * `b + 1`.
 *
 * @returns {object}
 */
export function byteTokenizer() {
  /** @type {Record<string, number>} */
  const vocab = { '<|endoftext|>': 0 };
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    vocab[String.fromCodePoint(isPrintable ? byte : next++)] = byte + 1;
  }
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: '1.0',
    added_tokens: [{ id: 0, content: '<|endoftext|>', special: true, normalized: false }],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: { type: 'BPE', unk_token: null, byte_fallback: false, ignore_merges: false, vocab, merges: [] },
  };
}
