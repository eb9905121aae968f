/** Schedules in files: which variant attends in which layer. */

import * as v from 'valibot';

import type { Schedule } from '../protocol/inspection';
import { RUN_MODES } from '../protocol/inspection';
import { Problem } from '../protocol/problem';
import { readBoundedText } from './files';

const MOST_BYTES = 2 ** 20;

const SCHEDULE = v.object({
  mode: v.picklist(RUN_MODES),
  layers: v.string(),
  others: v.array(
    v.object({
      layers: v.string(),
      variant: v.object({
        id: v.string(),
        params: v.record(v.string(), v.union([v.number(), v.boolean(), v.string()])),
      }),
    }),
  ),
});

/** @throws Problem for a file that is no schedule. */
export async function readSchedule(path: string): Promise<Schedule> {
  const text = await readBoundedText(path, MOST_BYTES, `the schedule ${path}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const read = v.safeParse(SCHEDULE, value);
  if (read.success) return read.output;
  const where = v.getDotPath(read.issues[0]) ?? 'its top';
  throw new Problem(
    `${path} is no schedule: expected { mode, layers, others: [{ layers, variant }] }, found something else at ${where}.`,
  );
}
