// Raw JSON lines to Parquet: our whole command line against DuckDB and against what one writes on a first day.
// `pnpm build && pnpm bench transform [--records 2000000] [--rounds 3] [--folder DIR] [--only TEXT]`
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Contender, type Measured, machine, markdown, measure, median } from './measure/measure.js';
import { connect, differingRows, duckdbTransform, transformSql } from './peers/duckdb.js';
import { naiveTransform } from './peers/naive.js';
import { makeRawLake, type RawLakeFacts } from './trades/raw-lake.js';

const SEED = 4;
/** A Map of V8 holds 2^24 entries, and the naive program takes 0.8 MB for a thousand of them. */
const MOST_NAIVE_RECORDS = 10_000_000;
const SELF = process.argv[1]!;
const CLI = fileURLToPath(new URL('../../../apps/cli/bin/schemahub.mjs', import.meta.url));
const BUILT = fileURLToPath(new URL('../../../apps/cli/dist/schemahub.mjs', import.meta.url));

/** One input: a lake for us, its lines for the others. */
interface Input {
  readonly name: 'plain' | 'gzip' | 'payload';
  readonly lake: string;
  /** What DuckDB reads, and the naive program. */
  readonly glob: string;
  readonly source: string;
  readonly facts: RawLakeFacts;
}

interface Entry extends Contender {
  readonly input: Input;
  /** Bytes of what it wrote. */
  readonly size: () => Promise<number>;
}

const { values: options } = parseArgs({
  options: {
    records: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '3' },
    folder: { type: 'string', default: join(tmpdir(), 'schemahub-bench') },
    only: { type: 'string', default: '' },
    peer: { type: 'string' },
    source: { type: 'string' },
    target: { type: 'string' },
    threads: { type: 'string', default: '1' },
    codec: { type: 'string', default: 'snappy' },
  },
});

async function makeInputs(folder: string, records: number): Promise<Input[]> {
  const inputs: Input[] = [];
  const names = ['plain', 'gzip', 'payload'] as const;
  // `--only "gzip SchemaHub"` at twenty million records needs neither the 5 GB of plain lines nor the payloads.
  const chosen = names.filter((name) => options.only.startsWith(name));
  for (const name of chosen.length > 0 ? chosen : names) {
    const lake = join(folder, `${name}-${records}`);
    const isPacked = name === 'gzip';
    console.error(`making ${lake}`);
    const facts = await makeRawLake({
      folder: lake,
      seed: SEED,
      records,
      payload: name === 'payload',
      // The lake knows gzip objects only: lines that are not packed lie in stored blocks, and only their CRC is more.
      level: isPacked ? 6 : 0,
      plain: !isPacked,
    });
    const raw = `${join(lake, 'raw_coinbase_trades')}/`;
    inputs.push({
      name,
      lake,
      glob: isPacked ? `${raw}*/*.jsonl.gz` : join(lake, 'plain.jsonl'),
      source: isPacked ? raw : join(lake, 'plain.jsonl'),
      facts,
    });
  }
  return inputs;
}

/** Everything that is not of `backfill`, made new by every run. */
async function forgetTable(lake: string): Promise<void> {
  for (const name of await readdir(lake)) {
    if (!['made.json', 'plain.jsonl', 'raw_coinbase_trades', 'coverage_coinbase', 'checkpoints'].includes(name))
      await rm(join(lake, name), { recursive: true });
  }
}

async function dataFiles(lake: string): Promise<string[]> {
  const names = await readdir(join(lake, 'unified_trades'), { recursive: true });
  return names.filter((name) => name.endsWith('.parquet')).map((name) => join(lake, 'unified_trades', name));
}

async function sizeOf(paths: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const path of paths) bytes += (await stat(path)).size;
  return bytes;
}

/** DuckDB's own transform of the same lines, with the winner of copies said: every output is compared with it. */
async function truthOf(input: Input, folder: string): Promise<string> {
  const path = join(folder, `truth-${input.name}.parquet`);
  await rm(path, { force: true });
  const connection = await connect(2);
  await connection.run(`COPY (${transformSql(input.glob, true)}) TO '${path}' (FORMAT parquet)`);
  return `SELECT * FROM '${path}'`;
}

function ours(input: Input, truth: string, codec: string, extra: readonly string[] = []): Entry {
  const files = `${input.lake}/unified_trades/v1/*/*/*/*.parquet`;
  return {
    name: `SchemaHub, ${codec}${extra.length > 0 ? `, ${extra.join(' ')}` : ''}`,
    input,
    prepare: () => forgetTable(input.lake),
    command: [CLI, 'transform', '--lake', input.lake, '--codec', codec, '-q', ...extra],
    check: () => requireEqual(`SELECT * FROM read_parquet('${files}', hive_partitioning = false)`, truth),
    size: async () => sizeOf(await dataFiles(input.lake)),
  };
}

interface PeerOptions {
  readonly name: string;
  readonly peer: 'duckdb' | 'naive';
  readonly threads?: number;
  readonly codec?: string;
}

function peer(input: Input, truth: string, folder: string, { name, peer, threads, codec }: PeerOptions): Entry {
  const target = join(folder, `${peer}.parquet`);
  const isNaive = peer === 'naive';
  const more = isNaive ? [] : ['--threads', String(threads), '--codec', codec!];
  // DISTINCT ON without an order may keep either copy of a trade: they differ in ingest_ts alone.
  const columns = isNaive ? '*' : '* EXCLUDE (ingest_ts)';
  return {
    name,
    input,
    prepare: () => rm(target, { force: true }),
    command: [SELF, '--peer', peer, '--source', isNaive ? input.source : input.glob, '--target', target, ...more],
    check: () => requireEqual(`SELECT ${columns} FROM '${target}'`, `SELECT ${columns} FROM (${truth})`),
    size: () => sizeOf([target]),
  };
}

async function requireEqual(left: string, right: string): Promise<void> {
  const rows = await differingRows(left, right);
  if (rows > 0) throw new Error(`${rows} rows differ: ${left} against ${right}`);
}

async function contenders(inputs: readonly Input[], folder: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const input of inputs) {
    const truth = await truthOf(input, folder);
    entries.push(ours(input, truth, 'snappy'));
    if (input.name === 'plain') entries.push(ours(input, truth, 'zstd'));
    if (input.name === 'gzip') entries.push(ours(input, truth, 'snappy', ['--threads', '2']));
    entries.push(
      peer(input, truth, folder, { name: 'DuckDB, 1 thread, snappy', peer: 'duckdb', threads: 1, codec: 'snappy' }),
    );
    if (input.name !== 'plain') continue;
    entries.push(
      peer(input, truth, folder, { name: 'DuckDB, 2 threads, snappy', peer: 'duckdb', threads: 2, codec: 'snappy' }),
      peer(input, truth, folder, { name: 'DuckDB, 1 thread, zstd', peer: 'duckdb', threads: 1, codec: 'zstd' }),
    );
    if (input.facts.records <= MOST_NAIVE_RECORDS)
      entries.push(peer(input, truth, folder, { name: 'JSON.parse + hyparquet-writer', peer: 'naive' }));
  }
  return entries.filter(({ name, input }) => `${input.name} ${name}`.includes(options.only));
}

function report(measured: readonly Measured[], sizes: ReadonlyMap<Contender, number>): string {
  const cpuOf = ({ runs }: Measured): number => median(runs.map(({ cpu }) => cpu));
  const base = new Map<string, number>();
  for (const entry of measured) {
    const { name, input } = entry.contender as Entry;
    if (name.startsWith('DuckDB, 1 thread, snappy')) base.set(input.name, cpuOf(entry));
  }
  const rows = measured.map((entry) => {
    const { contender, runs } = entry;
    const { name, input } = contender as Entry;
    const cpu = cpuOf(entry);
    const size = sizes.get(contender)!;
    const duckdb = base.get(input.name);
    return [
      input.name,
      name,
      `${cpu.toFixed(2)} (${runs.map((run) => run.cpu.toFixed(2)).join(', ')})`,
      duckdb === undefined ? '' : (cpu / duckdb).toFixed(2),
      median(runs.map(({ wall }) => wall)).toFixed(2),
      Math.max(...runs.map(({ memory }) => memory)).toFixed(0),
      (size / input.facts.trades).toFixed(2),
      (input.facts.textBytes / size).toFixed(1),
    ];
  });
  const head = ['input', 'engine', 'CPU s, median (runs)', '÷ DuckDB 1 thread', 'wall s', 'peak MB'];
  return markdown([...head, 'bytes a trade', 'JSONL ÷ Parquet'], rows);
}

async function main(): Promise<void> {
  if (!existsSync(BUILT)) throw new Error('The command line is not built; run: pnpm build');
  const records = Number(options.records);
  await mkdir(options.folder, { recursive: true });
  const inputs = await makeInputs(options.folder, records);
  const entries = await contenders(inputs, options.folder);
  const sizes = new Map<Contender, number>();
  const checked = entries.map((entry): Entry => {
    const check = async (): Promise<void> => {
      await entry.check!();
      sizes.set(watched, await entry.size());
    };
    const watched: Entry = { ...entry, check };
    return watched;
  });
  const measured = await measure(checked, {
    rounds: Number(options.rounds),
    report: join(options.folder, 'usage.json'),
  });
  const { facts } = inputs[0]!;
  console.log(
    `${machine()}; ${facts.records} records, ${facts.trades} trades, ${facts.objects} raw objects, seed ${SEED}`,
  );
  console.log('Every output was compared with DuckDB’s own transform, both ways: 0 differing rows.\n');
  console.log(report(measured, sizes));
}

if (options.peer === 'duckdb') {
  await duckdbTransform(options.source!, options.target!, { threads: Number(options.threads), codec: options.codec });
} else if (options.peer === 'naive') await naiveTransform(options.source!, options.target!);
else await main();
