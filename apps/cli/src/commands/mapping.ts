import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import { lintMapping, loadMapping, parseFixtures, suggestMapping, testMapping } from '@schemahub/mapping-engine';
import { embeddedFixtures, embeddedMappings } from '@schemahub/mappings';
import { UsageError } from '@schemahub/runtime/config';
import { tableSchemas } from '@schemahub/runtime/table';
import { type CommandRun, type Invocation, textFlag } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { say } from '../text-table.js';

const SHIPPED = 'coinbase_trades.yaml';
const SAMPLE_LINES = 200;

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UsageError(`${path}: cannot be read (${(error as Error).message}).`, { cause: error });
  }
}

/** The mapping named on the command line, else the shipped one. */
async function mappingText(file: string | undefined): Promise<{ text: string; file: string }> {
  if (file !== undefined) return { text: (await read(file)).toString('utf8'), file };
  return { text: embeddedMappings[SHIPPED] ?? '', file: SHIPPED };
}

async function lint(invocation: Invocation, named: string | undefined): Promise<number> {
  const { io } = invocation;
  const { text, file } = await mappingText(named);
  const findings = await lintMapping(text, { file, schemas: tableSchemas });
  if (invocation.json) io.out(`${JSON.stringify({ file, findings })}\n`);
  else {
    for (const { severity, line, message, suggestion } of findings) {
      const hint = suggestion === undefined ? '' : ` Did you mean ${suggestion}?`;
      say(
        io,
        `${io.style(severity === 'error' ? 'red' : 'yellow', severity)} ${file}${line === undefined ? '' : `:${line}`}: ${message}${hint}\n`,
      );
    }
    io.out(`${file}: ${findings.length === 0 ? 'clean' : `${findings.length} findings`}\n`);
  }
  return findings.some(({ severity }) => severity === 'error') ? exitCodes.usage : exitCodes.complete;
}

async function test(invocation: Invocation, named: string | undefined): Promise<number> {
  const { io } = invocation;
  const { text, file } = await mappingText(named);
  const mapping = await loadMapping(text, { file, schemas: tableSchemas });
  const fixturesFile = textFlag(invocation, 'fixtures');
  if (named !== undefined && fixturesFile === undefined)
    throw new UsageError('mapping test FILE: expected --fixtures FILE beside it.');
  const fixtureText =
    fixturesFile === undefined ? (embeddedFixtures[SHIPPED] ?? '') : (await read(fixturesFile)).toString('utf8');
  const results = testMapping(
    mapping,
    await parseFixtures(fixtureText, fixturesFile ?? SHIPPED),
    tradesUnifiedWithDecimals,
  );
  const failed = results.filter(({ passed }) => !passed);
  if (invocation.json) io.out(`${JSON.stringify({ file, results })}\n`);
  else {
    for (const { name, passed, problems } of results)
      io.out(
        `${passed ? io.style('green', 'ok  ') : io.style('red', 'FAIL')} ${name}${problems.map((problem) => `\n     ${problem}`).join('')}\n`,
      );
    io.out(`${results.length - failed.length} of ${results.length} fixtures pass\n`);
  }
  return failed.length > 0 ? exitCodes.damage : exitCodes.complete;
}

function isRecord(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

async function suggest(invocation: Invocation, named: string | undefined): Promise<number> {
  if (named === undefined)
    throw new UsageError('mapping suggest: expected a file of JSON lines (.jsonl or .jsonl.gz).');
  const bytes = await read(named);
  let text: string;
  try {
    text = (named.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    throw new UsageError(`${named}: does not unpack (${(error as Error).message}).`, { cause: error });
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (!lines.slice(0, SAMPLE_LINES).some(isRecord))
    throw new UsageError(
      `${named}: none of its first ${SAMPLE_LINES} lines is a JSON object. Expected raw records, one a line: an object of raw_…_trades/, packed or not.`,
    );
  const source = textFlag(invocation, 'source') ?? `raw_${invocation.config.text('exchange')}_trades`;
  invocation.io.out(suggestMapping({ sampleLines: lines.slice(0, SAMPLE_LINES), source, schema: tradesUnified }));
  return exitCodes.complete;
}

/** `mapping lint|test|suggest`. */
export const run: CommandRun = async (invocation) => {
  const [action, file] = invocation.args;
  if (action === 'lint') return await lint(invocation, file);
  if (action === 'test') return await test(invocation, file);
  if (action === 'suggest') return await suggest(invocation, file);
  throw new UsageError(`mapping: expected lint, test or suggest, got ${JSON.stringify(action ?? '')}.`);
};
