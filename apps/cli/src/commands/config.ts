import { UsageError } from '@schemahub/runtime/config';
import type { CommandRun } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { textTable } from '../text-table.js';

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
  const columns = [{ title: 'setting' }, { title: 'value' }, { title: 'from' }, { title: 'what it is' }] as const;
  const rows = shown.map(({ name, value, origin, from, doc }) => [
    name,
    value === null ? '-' : String(value),
    from === null || origin === 'flag' ? origin : `${origin} ${from}`,
    doc,
  ]);
  io.out(textTable(columns, rows, io.isTerminal ? io.columns : 200));
  return exitCodes.complete;
};
