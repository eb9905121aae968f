/** The `longsight` command: a thin face on the engine. */

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { basename, resolve } from 'node:path';

import {
  DEVICE_CHOICES,
  type DeviceChoice,
  type LayerVariant,
  type ParamValue,
  RUN_MODES,
  type RunMode,
  type VariantChoice,
  type VariantInfo,
} from '../protocol/inspection';
import { Problem, sentence } from '../protocol/problem';
import { check } from './checkCommand';
import { isDump } from './dump';
import { createEngine } from './engine';
import { inspectionReport, variantTable } from './report';
import { NATIVE } from './schedule';
import { readDocument } from './text/document';
import { VARIANTS, variantById } from './variants';
import { parseParam } from './variants/primitives/params';

const BUNDLED_MODEL = resolve(__dirname, '..', 'models', 'lab-base');
const MOST_TOKENS = 2 ** 21;
const ID = 'cli';
/** Slots of a memory that are listed. */
const SLOTS = 32;

interface InspectOptions {
  readonly model: string;
  readonly variant: string;
  readonly set: readonly string[];
  readonly ids?: readonly number[];
  readonly logits?: string;
  readonly mode: RunMode;
  readonly layers: string;
  readonly layerVariant: readonly string[];
  readonly device: DeviceChoice;
  readonly layer?: number;
  readonly head?: number;
  readonly token?: number;
  readonly top: number;
  readonly memory?: boolean;
  readonly html?: string;
  readonly json?: boolean;
}

const deviceOption = () =>
  new Option('--device <device>', 'execution provider').choices([...DEVICE_CHOICES]).default('auto');
const print = (text: string) => process.stdout.write(`${text}\n`);

function program(): Command {
  const command = new Command('longsight')
    .description('See what a long-sequence attention model looks at.')
    .exitOverride();
  command
    .command('inspect')
    .description('run a model over a text file and print a row of attention')
    .argument('[file]', 'a text file, UTF-8')
    .option('--ids <numbers>', 'token ids in place of a file, as 1,2,3; needs no tokeniser', tokenIds)
    .option('--model <folder>', 'a Hugging Face checkpoint folder, or a tensor dump', BUNDLED_MODEL)
    .option('--variant <id>', 'attention variant', NATIVE.id)
    .option('--set <key=value>', 'a parameter of the variant; may be repeated', append, [])
    .addOption(
      new Option('--mode <mode>', 'live: the variant replaces attention; shadow: it is laid beside it')
        .choices([...RUN_MODES])
        .default('live'),
    )
    .option('--layers <list>', "layers the variant attends in, as '0,2-3'; the others are dense", 'all')
    .option(
      '--layer-variant <layers=id[:key=value,…]>',
      "another variant in some layers, as '0-1=local:window=64'; may be repeated",
      append,
      [],
    )
    .addOption(deviceOption())
    .option('--layer <number>', 'layer of the row (default: the last)', wholeNumber)
    .option('--head <number>', 'head of the row (default: 0)', wholeNumber)
    .option('--token <number>', 'query token of the row (default: the last)', wholeNumber)
    .option('--top <number>', 'how many of the strongest keys to list', wholeNumber, 10)
    .option('--memory', 'add what the row reads from: slots, or a state over time')
    .option('--logits <file>', 'write logits [N, vocabulary] (or last hidden states) as safetensors')
    .option('--html <file>', 'write a page about the inspection and the row, to open in any browser')
    .option('--json', 'print one JSON object')
    .action(inspect);
  command
    .command('check')
    .description('run case files and compare with what they expect')
    .argument('[case...]', 'safetensors files with q, k, v and expect.y or expect.m')
    .option('--from <list>', 'a file with the path of a case file on every line; - for standard input')
    .addOption(deviceOption())
    .option('--json', 'print one JSON array')
    .action(check);
  command
    .command('variants')
    .description('list the attention variants and their parameters')
    .option('--json', 'print one JSON array')
    .action((options: { json?: boolean }) => {
      const infos = [NATIVE, ...VARIANTS.map(({ info }) => info)];
      print(options.json ? JSON.stringify(infos, undefined, 2) : variantTable(infos));
    });
  for (const each of command.commands) each.exitOverride();
  return command;
}

async function inspect(file: string | undefined, options: InspectOptions): Promise<void> {
  const { ids } = options;
  const model = resolve(options.model);
  const given = [file !== undefined, ids !== undefined, isDump(model)].filter(Boolean);
  if (given.length !== 1) {
    throw new Problem('Expected one of: a file, --ids with token ids, or a tensor dump as the --model.');
  }
  const info = infoOf(options.variant);
  const params = parseSettings(options.set, info.params);
  const started = performance.now();
  const engine = createEngine({
    started: () => undefined,
    progress: ({ fraction, phase }) => showProgress(fraction, phase),
    log: (level, message) => process.stderr.write(`${level}: ${message}\n`),
  });
  const text =
    file !== undefined
      ? await readDocument(resolve(file))
      : (ids?.join(' ') ?? (await engine.dumpText(model)));
  const summary = await engine.inspect({
    id: ID,
    text,
    model,
    ...(ids === undefined ? {} : { ids }),
    ...(options.logits === undefined ? {} : { logits: resolve(options.logits) }),
    variant: { id: info.id, params },
    schedule: {
      mode: options.mode,
      layers: options.layers,
      others: options.layerVariant.map(layerVariant),
    },
    device: options.device,
    maxTokens: MOST_TOKENS,
  });
  const seconds = (performance.now() - started) / 1000;
  const ref = {
    layer: options.layer ?? summary.layers - 1,
    head: options.head ?? 0,
    token: options.token ?? summary.tokens - 1,
  };
  const [row] = await engine.rows([{ id: ID, ...ref, top: options.top, profile: 0, against: true }]);
  const memory = options.memory ? await engine.memory({ id: ID, row: ref, limit: SLOTS }) : undefined;
  if (options.html !== undefined) {
    const name = file === undefined ? 'token ids' : basename(file);
    const page = { name, file: resolve(options.html), row: ref, top: options.top };
    await engine.export({ id: ID, format: 'html', ...page });
  }
  const table = await engine.tokens(ID);
  const textOf = (token: number) => text.slice(table.starts[token], table.ends[token]);
  showProgress(undefined, '');
  const report = { summary, seconds, row: row!, textOf };
  print(
    inspectionReport(options.memory ? { ...report, memory: memory ?? null } : report, options.json ?? false),
  );
}

function append(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('Expected a whole number, 0 or more.');
}

function tokenIds(text: string): readonly number[] {
  return text.split(',').map(wholeNumber);
}

function infoOf(variant: string): VariantInfo {
  return variant === NATIVE.id ? NATIVE : variantById(variant).info;
}

function parseSettings(
  settings: readonly string[],
  specs: Readonly<Record<string, Parameters<typeof parseParam>[0]>>,
): Record<string, ParamValue> {
  return Object.fromEntries(
    settings.map((setting): [string, ParamValue] => {
      const at = setting.indexOf('=');
      if (at < 1) throw new Problem(`--set takes key=value, such as window=128; found '${setting}'.`);
      const name = setting.slice(0, at);
      return [name, parseParam(Object.hasOwn(specs, name) ? specs[name] : undefined, setting.slice(at + 1))];
    }),
  );
}

/** Reads `0-1=local:window=64,sinks=4`. */
function layerVariant(words: string): LayerVariant {
  const [, layers, id, settings] = /^([^=:]+)=([^:=]+)(?::(.*))?$/.exec(words) ?? [];
  if (layers === undefined || id === undefined) {
    throw new Problem(`--layer-variant takes layers=variant, such as 0-1=local:window=64; found '${words}'.`);
  }
  const info = infoOf(id);
  const variant: VariantChoice = { id, params: parseSettings(settings?.split(',') ?? [], info.params) };
  return { layers, variant };
}

/** A line that rewrites itself, on a terminal only; undefined clears it. */
function showProgress(fraction: number | undefined, phase: string): void {
  if (!process.stderr.isTTY) return;
  const line = fraction === undefined ? '' : `${Math.floor(100 * fraction)} % ${phase}`;
  process.stderr.write(`\r\u001b[K${line}`);
}

program()
  .parseAsync()
  .catch((error: unknown) => {
    showProgress(undefined, '');
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode;
      return;
    }
    process.stderr.write(`${sentence(error)}\n`);
    process.exitCode = 1;
  });
