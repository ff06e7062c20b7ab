import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exchanges } from '@schemahub/runtime/settings';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandTable } from './command-table.js';
import { combineExitCodes, exitCodes } from './exit-codes.js';
import { filesBelow, lakeHashes } from './testing/lake-files.js';
import { createWorld, type World } from './testing/virtual-run.js';

let world: World;
let filled: Record<string, string>;

beforeAll(async () => {
  world = await createWorld({
    products: [
      { id: 'BTC-USD', trades: 1500, voids: [7] },
      { id: 'WLD-USD', trades: 30 },
    ],
  });
  expect((await world.run(['backfill', 'BTC-USD', 'WLD-USD'])).code).toBe(0);
  expect((await world.run(['transform'])).code).toBe(0);
  expect((await world.run(['verify'])).code).toBe(0);
  filled = await lakeHashes(world.lake);
});
afterAll(() => world.remove());

/** A refusal: exit 2, a sentence with all of `parts`, nothing on stdout, no stack, no request, no byte changed. */
async function refused(args: readonly string[], ...parts: (string | RegExp)[]): Promise<void> {
  const requests = world.requests();
  const { code, out, err } = await world.run(args);
  expect(err, args.join(' ')).not.toMatch(/^\s+at .*:\d+:\d+/m);
  for (const part of parts) expect(err, args.join(' ')).toMatch(part);
  expect(code, `${args.join(' ')}: ${err}`).toBe(exitCodes.usage);
  expect(out).toBe('');
  expect(world.requests()).toBe(requests);
  expect(await lakeHashes(world.lake)).toEqual(filled);
}

type Refusal = [readonly string[], ...(string | RegExp)[]];

describe('what cannot be meant ends 2 with a sentence', () => {
  it.each<Refusal>([
    [['ingest', '--frobnicate'], /unknown option '--frobnicate'/],
    [['ingest', '--limt', '10'], /unknown option '--limt'/, /--limit/],
    [['transfrom'], /unknown command 'transfrom'/, /transform/],
    [['ingest', '--lake', './x', '--limit'], /argument missing/],
  ])('%j', (...[args, ...parts]) => refused(args, ...parts));

  it.each<Refusal>([
    [['ingest', '--limit', '5000'], /--limit: expected a whole number 1 to 1000, got "5000"/],
    [['ingest', '--limit', '0'], /--limit: expected/],
    [['ingest', '--workers', 'two'], /--workers: expected a whole number 1 to 10, got "two"/],
    [['ingest', '--chunk-concurrency', '26'], /--chunk-concurrency: expected a whole number 1 to 25/],
    [['ingest', '--rate', '-1'], /--rate: expected a number 0\.01 to 1000/],
    [['ingest', '--exchange', 'mtgox'], /--exchange: expected coinbase/, /mtgox/],
    [['backfill', '--from', 'yesterday'], /--from: expected a day .*trade:ID, got "yesterday"/],
    [['backfill', '--from', '2026-13-01'], /--from: expected/],
    [['backfill', '--to', 'trade:1e3'], /--to: expected/],
    [['ingest', '--after', '12x'], /--after: expected a trade id, got "12x"/],
    [['ingest', '--before', '9007199254740992'], /--before: expected a trade id/],
    [['backfill', '--order', 'random'], /--order: expected oldest or newest, got "random"/],
    [['transform', '--max-bad', '2'], /--max-bad: expected a number 0 to 1, got "2"/],
    [['transform', '--codec', 'rar'], /--codec: expected snappy or zstd or none, got "rar"/],
    [['vacuum', '--keep', '7'], /--keep: expected an age such as 7d, 12h or 30m, got "7"/],
    [['rollback', 'minus'], /rollback: expected the number of a snapshot, got "minus"/, /schemahub snapshots/],
    [['rollback', '99'], /rollback 99: the latest snapshot of .* is 1/],
    [['query', 'SELECT 1', '-o', 'xml'], /-o: expected .*parquet.*got "xml"/],
    [['query', 'SELECT 1', '--snapshot', '77'], /--snapshot 77: the latest is 1/],
    [['query', 'SELECT 1', '--as-of', 'noon'], /--as-of: expected an instant/],
    [['query', 'SELECT 1', '--as-of', '2001-01-01'], /no commit then/],
    [['query', 'SELECT 1', '--engine', 'oracle'], /--engine: expected duckdb or athena, got "oracle"/],
    [['query', 'SELECT 1', '--engine', 'athena', '--snapshot', '1'], /--engine athena reads .* FOR TIMESTAMP AS OF/],
    [['query', 'SELECT 1', '--engine', 'athena', '-o', 'x.parquet'], /-o: expected table.* with --engine athena/],
    [['seek', 'BTC-USD', 'trade:5'], /expected a time/],
    [['seek', 'BTC-USD', 'noon'], /error: TIME: expected a day/],
    [['rollback'], /rollback: expected the number of a snapshot, got none/],
    [['seek', 'BTC-USD'], /missing required argument 'TIME'/],
    [['run', 'everything'], /run: expected ingest, unify, pipeline, got "everything"/],
    [['run', 'pipeline', 'bitstamp'], new RegExp(`run pipeline: expected ${exchanges.join(' or ')}, got "bitstamp"`)],
    [['mapping', 'polish'], /mapping: expected lint, test or suggest/],
    [['mapping', 'suggest', import.meta.filename], /none of its first 200 lines is a JSON object/],
    [['config', 'edit'], /config: expected print/],
    [['simulate', 'mtgox'], new RegExp(`simulate: expected ${exchanges.join(' or ')}, got "mtgox"`)],
    [['simulate', 'binance', '--products', 'BTCUSDT:5'], /--products: expected BASE-QUOTE:TRADES/],
    [['simulate', 'kraken', '--recording', 'x.json'], /--recording: it is served as Coinbase only/],
    [['simulate', '--products', 'BTC'], /--products: expected PRODUCT:TRADES/],
    [['simulate', '--port', '70000'], /--port: expected a number 0 to 65535/],
    [['transform', 'DOGE-USD'], /DOGE-USD: the lake .* holds nothing of it; it holds BTC-USD, WLD-USD/],
    [['ingest', '--lake', 's3://Bucket_X/x'], /--lake s3:\/\/Bucket_X\/x: expected s3:\/\/BUCKET/],
    [
      ['ingest', '--seed-path', '/nowhere/seed.yaml'],
      /\/nowhere\/seed\.yaml: there is no such product list.*update-seed/,
    ],
    [['transform', '--mapping-path', '/nowhere/m.yaml'], /--mapping-path \/nowhere\/m\.yaml: cannot be read/],
    [['ingest', '--api-url', 'ftp://x'], /expected http:\/\/ or https:\/\//],
    [['update-seed', '--filter-regex', '('], /--filter-regex: /],
    [['update-seed', '--in-lake', '--path', 'x.yaml'], /--path and --in-lake: expected one of them/],
  ])('%j', (...[args, ...parts]) => refused(args, ...parts));

  it.each<Refusal>([
    [['ingest', '--full-refresh', '--skip-checkpoint'], /--full-refresh and --skip-checkpoint: expected one of them/],
    [['backfill', '--skip-checkpoint'], /--skip-checkpoint: it belongs to ingest/],
    [['query', 'SELECT 1', '--snapshot', '1', '--as-of', '2026-01-01'], /--snapshot and --as-of: expected one of them/],
    [['rollback', '1', '--release'], /expected a number or --release, got both/],
    [['simulate', '--recording', 'x.json'], /--recording: expected --product ID beside it/],
    [['backfill', 'BTC-USD', '--from', 'trade:900', '--to', 'trade:100'], /--from.*--to/],
    [['ingest', 'BTC-USD', '--after', '900', '--before', '100'], /--after.*--before/],
  ])('contradictions: %j', (...[args, ...parts]) => refused(args, ...parts));

  it('settings in files and variables are checked like flags, and told by their name', async () => {
    const run = (environment: Record<string, string>) => world.run(['status'], { environment });
    const variable = await run({ SCHEMAHUB_STALE_MINUTES: 'soon' });
    expect(variable.code).toBe(exitCodes.usage);
    expect(variable.err).toMatch(/SCHEMAHUB_STALE_MINUTES: expected a whole number 1 to 525600, got "soon"/);
    const secret = await run({ COINBASE_API_KEY: 'k' });
    expect(secret.err).not.toMatch(/"k"/);
    const yaml = join(world.folder, 'schemahub.yaml');
    try {
      await writeFile(yaml, 'lake: [\n');
      expect((await run({})).err).toMatch(/schemahub\.yaml: is not YAML/);
      await writeFile(yaml, 'lakee: ./x\n');
      expect((await run({})).err).toMatch(/schemahub\.yaml: lakee is no setting.*config print/);
      await writeFile(yaml, 'stale-minutes: soon\n');
      expect(await run({})).toMatchObject({ code: exitCodes.usage });
    } finally {
      await writeFile(yaml, '');
    }
    expect(await lakeHashes(world.lake)).toEqual(filled);
  });

  it('a place without a lake: exit 2 with the path looked at, and nothing is made there', async () => {
    const empty = join(world.folder, 'empty');
    const commands = [
      ['verify'],
      ['transform'],
      ['repair'],
      ['query', 'SELECT 1'],
      ['status'],
      ['quality'],
      ['snapshots'],
      ['rollback', '1'],
      ['compact'],
      ['vacuum'],
    ];
    for (const args of commands) {
      const { code, err, out } = await world.run([...args, '--lake', empty]);
      expect(err, args.join(' ')).toContain(`${empty}: there is no lake here`);
      expect(err).toContain('schemahub backfill');
      expect({ code, out }).toEqual({ code: exitCodes.usage, out: '' });
    }
    expect(await filesBelow(empty)).toEqual([]);
  });
});

describe('what is printed', () => {
  const visible = [
    ['status'],
    ['verify'],
    ['quality'],
    ['snapshots'],
    ['plan', 'BTC-USD', 'WLD-USD'],
    ['ingest', 'BTC-USD', 'WLD-USD'],
    ['transform'],
  ];

  it.each(visible)('%s fits a terminal of 80 columns', async (...args) => {
    if (args[0] === 'ingest') world.sim.control.addTrades('WLD-USD', 3);
    const { out, err } = await world.run(args, { isTerminal: true, columns: 80 });
    // Sentences may be longer: terminals wrap them. Rows of tables and bars may not, nor what is drawn in place.
    const lines = `${out}\n${err}`.split('\n').filter((line) => /─|█|░|^\S+-USD /.test(line));
    expect(lines.length + out.length).toBeGreaterThan(0);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  it('without a terminal there is no escape sequence', async () => {
    for (const args of [...visible, ['backfill', 'BTC-USD'], ['config', 'print'], ['--help']]) {
      const { out, err } = await world.run(args);
      expect(`${out}${err}`, args.join(' ')).not.toContain('\u001b');
    }
  });

  it.each([
    [['ingest', 'BTC-USD']],
    [['backfill', 'BTC-USD']],
    [['repair']],
    [['transform']],
    [['compact']],
    [['vacuum']],
    [['status']],
    [['verify']],
    [['quality']],
    [['snapshots']],
    [['snapshots', '--files']],
    [['plan', 'BTC-USD']],
    [['seek', 'BTC-USD', '2026-11-20T11:00:00Z']],
    [['config', 'print']],
    [['mapping', 'lint']],
    [['mapping', 'test']],
    [['run', 'unify', 'trades_unified']],
    [['update-seed', '--dry-run']],
    [['init', '--dry-run']],
    [['doctor', '--offline']],
    [['query', 'SELECT count(*) AS n FROM trades_unified']],
  ])('%j --json: one JSON object on stdout and nothing else', async (args) => {
    const { code, out, json } = await world.run([...args, '--json']);
    expect(code).toBe(0);
    expect(out.endsWith('\n')).toBe(true);
    expect(typeof json()).toBe('object');
  });

  it('--json also where a run does not end well: the code is told, and stdout stays one object', async () => {
    const run = await world.run(['ingest', 'BTC-USD', 'NOPE-USD', '--json']);
    expect(run.code).toBe(exitCodes.incomplete);
    expect(run.json()).toMatchObject({
      exit_code: 3,
      products: [
        { product_id: 'BTC-USD', state: 'complete' },
        { product_id: 'NOPE-USD', state: 'unknown' },
      ],
    });
  });

  it('-q leaves stderr empty when all is well', async () => {
    for (const args of [['ingest', 'BTC-USD'], ['transform'], ['compact'], ['vacuum'], ['repair']])
      expect((await world.run([...args, '-q'])).err, args.join(' ')).toBe('');
  });

  it('--examples prints those of every command', async () => {
    const { code, out } = await world.run(['--examples']);
    expect(code).toBe(0);
    for (const { examples } of commandTable) for (const example of examples) expect(out).toContain(`${example}\n`);
  });

  it.each(commandTable.map(({ name, writes }) => [name, writes === true] as const))(
    '%s --help: what it does, its options, examples that parse',
    async (name, writes) => {
      const { code, out, err } = await world.run([name, '--help']);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(new RegExp(`^Usage: schemahub ${name} `));
      expect(out).toMatch(/\nExamples:\n {2}schemahub /);
      expect(out).toContain('--json');
      expect(out.includes('--dry-run')).toBe(writes);
      const spec = commandTable.find((command) => command.name === name)!;
      expect(spec.examples.every((example) => example.startsWith(`schemahub ${name}`))).toBe(true);
    },
  );

  it('without arguments: the help, exit 0; --version: the version', async () => {
    expect(await world.run(['--help'])).toMatchObject({ code: 0 });
    const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect((await world.run(['--version'])).out.trim()).toBe(manifest.version);
  });
});

describe('exit codes', () => {
  it('of several the first of 130, 143, 2, 1, 4, 6, 3, 5 wins', () => {
    const order = [130, 143, 2, 1, 4, 6, 3, 5, 0];
    for (const [i, winner] of order.entries())
      for (const loser of order.slice(i)) {
        expect(combineExitCodes([loser, winner])).toBe(winner);
        expect(combineExitCodes([winner, loser])).toBe(winner);
      }
    expect(combineExitCodes([])).toBe(0);
    expect(combineExitCodes([5, 3, 6, 4, 1, 2])).toBe(2);
  });

  it('vacuum takes away what a killed writer left half written, a day later and not before', async () => {
    const [old, young] = ['old', 'young'].map((name) => join(world.lake, '.schemahub', `${name}.part`));
    for (const path of [old!, young!]) await writeFile(path, 'half');
    const before = new Date(Date.now() - 2 * 86_400_000);
    await utimes(old!, before, before);
    expect((await world.run(['vacuum', '--dry-run'])).code).toBe(0);
    expect(await filesBelow(world.lake)).toContain('.schemahub/old.part');
    expect((await world.run(['vacuum'])).code).toBe(0);
    const left = await filesBelow(world.lake);
    expect([left.includes('.schemahub/old.part'), left.includes('.schemahub/young.part')]).toEqual([false, true]);
  });

  it('a dry run says what it would do and how to do it, and ends 0', async () => {
    world.sim.control.addTrades('BTC-USD', 2500);
    const { code, err } = await world.run(['ingest', 'BTC-USD', '--dry-run']);
    expect(code).toBe(0);
    expect(err).toMatch(
      /^dry run, nothing was written: ids .* asked, .* 2,500 missing \(4 pages to fetch\)\. Next: schemahub ingest BTC-USD/m,
    );
    const unknown = await world.run(['ingest', 'BTC-USD', 'NOPE-USD', '--dry-run']);
    expect(unknown.code).toBe(exitCodes.incomplete);
    expect((await world.run(['ingest', 'BTC-USD'])).code).toBe(0);
  });

  it('an unknown product beside good ones: these go on, exit 3, and it is named', async () => {
    world.sim.control.addTrades('WLD-USD', 5);
    const { code, err } = await world.run(['ingest', 'WLD-USD', 'NOPE-USD', 'BTC-USD', 'NADA-USD']);
    expect(code).toBe(exitCodes.incomplete);
    expect(err).toMatch(/^NOPE-USD, NADA-USD: not a product of coinbase; see its list with: schemahub update-seed/m);
    expect(err).toMatch(/\(5 new\)/);
    // Nothing is missing: there is no work for repair.
    expect(err).toMatch(/0 missing .*Next: schemahub transform/);
    const seek = await world.run(['seek', 'NOPE-USD', '2026-01-01']);
    expect([seek.code, seek.out]).toEqual([exitCodes.incomplete, '']);
    expect(seek.err).toMatch(/NOPE-USD is not a product of coinbase; .*update-seed/);
    const plan = await world.run(['plan', 'NOPE-USD', 'BTC-USD']);
    expect(plan.code).toBe(exitCodes.incomplete);
    expect(plan.out).toMatch(/^NOPE-USD: not a product of coinbase/m);
    expect((await world.run(['transform'])).code).toBe(0);
    expect((await world.run(['verify'])).code).toBe(0);
    expect((await world.run(['verify', 'NOPE-USD', 'BTC-USD'])).code).toBe(exitCodes.incomplete);
  });
});
