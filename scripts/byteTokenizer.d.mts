export function byteTokenizer(): object;
