import { Tokenizer } from '@huggingface/tokenizers';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { Problem } from '../../protocol/problem';
import { readBoundedText } from '../files';
import type { Rewrite } from './byteText';
import type { PieceStyle } from './pieces';

const MAX_TOKENIZER_BYTES = 256 * 1024 * 1024;
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

const Part = v.nullish(v.looseObject({ type: v.string() }), null);

/** Not an object schema: its parsed copy would lack entries such as "constructor". */
const Vocabulary = v.custom<object>(
  value => typeof value === 'object' && value !== null,
  'a table of pieces',
);

const TokenizerSchema = v.looseObject({
  added_tokens: v.optional(
    v.array(v.looseObject({ id: v.pipe(v.number(), v.integer()), content: v.string() })),
    [],
  ),
  normalizer: Part,
  pre_tokenizer: Part,
  post_processor: Part,
  decoder: Part,
  model: v.looseObject({ vocab: Vocabulary }),
});

type TokenizerJson = v.InferOutput<typeof TokenizerSchema>;
type PartJson = TokenizerJson['normalizer'];

export interface TokenizerFiles {
  readonly json: TokenizerJson;
  readonly config: object;
}

/** @throws Problem when `tokenizer.json` is missing, too large or damaged. */
export async function readTokenizerFiles(directory: string): Promise<TokenizerFiles> {
  const path = join(directory, 'tokenizer.json');
  const json = await readJson(path, MAX_TOKENIZER_BYTES, `a fast tokeniser ${path}`);
  const result = v.safeParse(TokenizerSchema, json, { abortEarly: true });
  if (!result.success) {
    const issue = result.issues[0];
    throw new Problem(
      `Expected ${path} to be a fast tokeniser: ${v.getDotPath(issue) ?? 'the whole'} is ${issue.received}, ` +
        `expected ${issue.expected}.`,
    );
  }
  return { json: result.output, config: await readConfig(join(directory, 'tokenizer_config.json')) };
}

async function readConfig(path: string): Promise<object> {
  if (!(await exists(path))) return {};
  const json = await readJson(path, MAX_CONFIG_BYTES, `the tokeniser's config ${path}`);
  if (typeof json === 'object' && json !== null) return json;
  throw new Problem(`Expected ${path} to be a JSON object.`);
}

async function readJson(path: string, limit: number, what: string): Promise<unknown> {
  const text = await readBoundedText(path, limit, what);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Problem(`Expected ${path} to be JSON: ${(error as Error).message}.`);
  }
}

/** How the vocabulary writes text. */
export function pieceStyle(json: TokenizerJson): PieceStyle {
  const { model } = json;
  const mark = (name: string): string => (typeof model[name] === 'string' ? model[name] : '');
  return {
    byteLevel: holds(json.pre_tokenizer, 'ByteLevel') || holds(json.decoder, 'ByteLevel'),
    continuing: mark('continuing_subword_prefix'),
    ending: mark('end_of_word_suffix'),
  };
}

/**
 * What the tokeniser's normaliser does to a single character with its marks; undefined when it does
 * nothing to single characters.
 */
export function characterNormalizer(json: TokenizerJson): Rewrite | undefined {
  const normalizer = forCharacters(json.normalizer);
  if (normalizer === null) return undefined;
  // The library builds normalisers only as a part of a tokeniser.
  const bare = new Tokenizer(
    {
      ...{ added_tokens: [], pre_tokenizer: null, post_processor: null, decoder: null, normalizer },
      model: { type: 'BPE', vocab: {}, merges: [] },
    },
    {},
  ).normalizer;
  if (bare === null) return undefined;
  if (pieceStyle(json).byteLevel) return cluster => bare.normalize(cluster);
  // Such vocabularies write a space as U+2581, and `pieceBytes` reads it back.
  return cluster => bare.normalize(cluster).replaceAll('▁', ' ');
}

/** Without the steps that look at a whole text: those add or drop white space at its ends. */
function forCharacters(normalizer: PartJson): PartJson {
  if (normalizer === null || normalizer.type === 'Prepend' || normalizer.type === 'Strip') return null;
  if (normalizer.type !== 'Sequence') return normalizer;
  const steps = parts(normalizer)
    .map(forCharacters)
    .filter(step => step !== null);
  return steps.length === 0 ? null : { ...normalizer, normalizers: steps };
}

function holds(part: PartJson, type: string): boolean {
  return part !== null && (part.type === type || parts(part).some(inner => holds(inner, type)));
}

/** The members of a sequence, whatever the field is called. */
function parts(part: NonNullable<PartJson>): PartJson[] {
  const list = part['normalizers'] ?? part['pretokenizers'] ?? part['decoders'];
  return Array.isArray(list) ? v.parse(v.array(Part), list) : [];
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
