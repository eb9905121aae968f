/** The `longsight` command: a thin face on the engine. */

import { Command, CommanderError, Option } from 'commander';
import { basename, resolve } from 'node:path';

import {
  type DeviceChoice,
  EVERYWHERE,
  type Precision,
  RUN_MODES,
  type RunMode,
  type Schedule,
  type WeightFormat,
} from '../protocol/inspection';
import { Problem, sentence } from '../protocol/problem';
import { check } from './commands/check';
import {
  append,
  BUNDLED_MODEL,
  deviceOption,
  infoOf,
  layerVariant,
  MOST_TOKENS,
  parseSettings,
  precisionOption,
  print,
  share,
  showProgress,
  terminalEngine,
  tokenIds,
  weightsOption,
  wholeNumber,
} from './commands/options';
import { compare } from './commands/compare';
import { isDump } from './dump';
import { inspectionReport, variantTable } from './commands/report';
import { NATIVE, VARIANT_INFOS } from './schedule';
import { readSchedule } from './scheduleFile';
import { readDocument } from './text/document';

const ID = 'cli';
/** Slots of a memory that are listed. */
const SLOTS = 32;

interface InspectOptions {
  readonly model: string;
  readonly variant: string;
  readonly set: readonly string[];
  readonly ids?: readonly number[];
  readonly logits?: string;
  readonly mode?: RunMode;
  readonly layers?: string;
  readonly layerVariant: readonly string[];
  readonly schedule?: string;
  readonly globalTokens?: string;
  readonly device: DeviceChoice;
  readonly precision: Precision;
  readonly weights: WeightFormat;
  readonly layer?: number;
  readonly head?: number;
  readonly token?: number;
  readonly top: number;
  readonly memory?: boolean;
  readonly html?: string;
  readonly json?: boolean;
}

function program(): Command {
  const command = new Command('longsight')
    .description('See what a long-sequence attention model looks at.')
    .exitOverride();
  command
    .command('inspect')
    .description('run a model over a text file and print a row of attention')
    .argument('[file]', 'a text file, UTF-8')
    .option('--ids <numbers>', 'token ids in place of a file, as 1,2,3; needs no tokeniser', tokenIds)
    .option(
      '--model <path>',
      'a Hugging Face checkpoint folder, an ONNX model, or a tensor dump',
      BUNDLED_MODEL,
    )
    .option('--variant <id>', 'attention variant', NATIVE.id)
    .option('--set <key=value>', 'a parameter of the variant; may be repeated', append, [])
    .addOption(
      new Option(
        '--mode <mode>',
        'live (default): the variant replaces attention; shadow: it is laid beside it',
      ).choices([...RUN_MODES]),
    )
    .option(
      '--layers <list>',
      "layers the variant attends in, as '0,2-3' (default: all); the others are as the model was made",
    )
    .option(
      '--layer-variant <layers=id[:key=value,…]>',
      "another variant in some layers, as '0-1=local:window=64'; may be repeated",
      append,
      [],
    )
    .option('--schedule <file>', 'variants by layer, as compare --schedule writes them')
    .option('--global-tokens <list>', "tokens that see all and are seen by all, as '0,5-8' (Longformer)")
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(weightsOption())
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
    .command('compare')
    .description("hold variants against the model's own attention on a document")
    .argument('[file]', 'a text file, UTF-8')
    .option(
      '--model <path>',
      'a Hugging Face checkpoint folder, an ONNX model, or a tensor dump',
      BUNDLED_MODEL,
    )
    .option('--variant <id[:key=value,…]>', 'a candidate, as local:window=64; may be repeated', append, [])
    .option('--sweep <id:key=values>', 'candidates that differ in one budget, as local:window=64,256,1024')
    .option('--recall <share>', 'what a head must keep in a sweep', share, 0.95)
    .option('--schedule <file>', 'write what the sweep finds, for inspect --schedule')
    .option('--no-live', 'leave out the runs that measure the change in loss')
    .addOption(deviceOption())
    .option('--json', 'print one JSON object')
    .action(compare);
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
      print(options.json ? JSON.stringify(VARIANT_INFOS, undefined, 2) : variantTable(VARIANT_INFOS));
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
  const engine = terminalEngine();
  const text =
    file !== undefined
      ? await readDocument(resolve(file))
      : (ids?.join(' ') ?? (await engine.dumpText(model)));
  const summary = await engine.inspect({
    id: ID,
    text,
    model,
    ...(ids === undefined ? {} : { ids }),
    ...(options.globalTokens === undefined ? {} : { globalTokens: options.globalTokens }),
    ...(options.logits === undefined ? {} : { logits: resolve(options.logits) }),
    variant: { id: info.id, params },
    schedule: await scheduleOf(options),
    device: options.device,
    precision: options.precision,
    weights: options.weights,
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
    const name = file !== undefined ? basename(file) : ids === undefined ? summary.model.name : 'token ids';
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

async function scheduleOf({
  mode,
  layers,
  layerVariant: words,
  schedule,
}: InspectOptions): Promise<Schedule> {
  const read = schedule === undefined ? EVERYWHERE : await readSchedule(resolve(schedule));
  return {
    mode: mode ?? read.mode,
    layers: layers ?? read.layers,
    others: [...read.others, ...words.map(layerVariant)],
  };
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
