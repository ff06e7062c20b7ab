import { UsageError } from '@schemahub/runtime/config';
import type { CommandRun } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { textTable } from '../text-table.js';

/** Columns of a terminal below which the sentences are left out. */
const NARROW = 120;

/** `config print`: every setting, its value and origin. Secrets are never printed. */
export const run: CommandRun = async ({ args, config, io, json }) => {
  const [action = 'print'] = args;
  if (action !== 'print') throw new UsageError(`config: expected print, got ${JSON.stringify(action)}.`);
  const shown = config.values.map(({ setting, value, origin, from }) => ({
    name: setting.name,
    value: setting.isSecret && value !== undefined ? '(set, not shown)' : (value ?? null),
    origin,
    from: from ?? null,
    doc: setting.doc,
  }));
  if (json) {
    io.out(`${JSON.stringify({ settings: shown })}\n`);
    return exitCodes.complete;
  }
  const columns = ['setting', 'value', 'from', 'what it is'].map((title) => ({ title }));
  const rows = shown.map(({ name, value, origin, from, doc }) => [
    name,
    value === null ? '-' : String(value),
    from === null || origin === 'flag' ? origin : `${origin} ${from}`,
    doc,
  ]);
  // What a setting is takes a sentence: where there is no room for it, it would be three letters.
  const isNarrow = io.isTerminal && io.columns < NARROW;
  io.out(textTable(isNarrow ? columns.slice(0, 3) : columns, rows, io.isTerminal ? io.columns : 200));
  if (isNarrow) io.err('What each of them is: a wider terminal, or schemahub config print --json\n');
  return exitCodes.complete;
};
