#!/usr/bin/env node
// Prints the Snowflake statements that load one committed snapshot of trades_unified:
//   schemahub snapshots --files --json | node copy-into.mjs --stage schemahub_lake [--table trades_unified] [--snapshot N]
// https://docs.snowflake.com/en/sql-reference/sql/copy-into-table (FILES takes at most 1,000 names)
import { parseArgs } from 'node:util';

const FILES_A_STATEMENT = 1000;
const columns = [
  ['exchange', 'VARCHAR'],
  ['symbol', 'VARCHAR'],
  ['trade_id', 'VARCHAR'],
  ['side', 'VARCHAR'],
  ['price', 'DOUBLE'],
  ['quantity', 'DOUBLE'],
  ['trade_ts', 'TIMESTAMP_TZ'],
  ['ingest_ts', 'TIMESTAMP_TZ'],
];

function fail(text) {
  process.stderr.write(`copy-into: ${text}\n`);
  process.exit(2);
}

async function standardInput() {
  const parts = [];
  for await (const part of process.stdin) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

const { values } = parseArgs({
  options: {
    stage: { type: 'string' },
    table: { type: 'string', default: 'trades_unified' },
    snapshot: { type: 'string' },
  },
});
const name = /^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*){0,2}$/;
if (!name.test(values.stage ?? '')) fail('--stage: expected the name of a stage, such as schemahub_lake.');
if (!name.test(values.table)) fail(`--table: expected a plain name, got ${values.table}.`);

let list;
try {
  list = JSON.parse(await standardInput());
} catch (error) {
  fail(`standard input is not JSON (${error.message}). Give it: schemahub snapshots --files --json`);
}
const number = values.snapshot === undefined ? list.current : Number(values.snapshot);
const snapshot = list.snapshots?.find((one) => one.number === number);
if (snapshot?.files === undefined) fail(`snapshot ${number} is not in the list, or has no files: use --files.`);

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
const lines = [
  `-- trades_unified, snapshot ${number} of ${snapshot.time}: ${snapshot.files.length} files, ${snapshot.files.reduce((sum, { rows }) => sum + rows, 0)} rows`,
  'BEGIN;',
  `CREATE TABLE IF NOT EXISTS ${values.table} (${columns.map(([column, type]) => `${column} ${type} NOT NULL`).join(', ')});`,
];
for (let at = 0; at < snapshot.files.length; at += FILES_A_STATEMENT) {
  const paths = snapshot.files.slice(at, at + FILES_A_STATEMENT).map(({ path }) => `  ${quoted(path)}`);
  lines.push(
    `COPY INTO ${values.table} FROM @${values.stage}`,
    `FILES = (\n${paths.join(',\n')}\n)`,
    'FILE_FORMAT = (TYPE = PARQUET, USE_LOGICAL_TYPE = TRUE) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE ON_ERROR = ABORT_STATEMENT;',
  );
}
lines.push('COMMIT;');
process.stdout.write(`${lines.join('\n')}\n`);
