// A product from its first trade to a checked table, by the command line alone. The exchange is simulated and goes on
// trading meanwhile; for the real one leave COINBASE_API_URL out. `npm start` here, after `npm start` in the checkout.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PRODUCT = 'DEMO-USD';
const FIRST_TRADES = 3000;
const program =
  process.env.SCHEMAHUB_PROGRAM ?? createRequire(import.meta.url).resolve('@schemahub/cli/bin/schemahub.mjs');
const folder = mkdtempSync(join(tmpdir(), 'schemahub-add-a-product-'));
const lake = join(folder, 'lake');
const environment = { ...process.env, SCHEMAHUB_LAKE: lake };

/** Starts `schemahub ARGS`; resolves with its stdout when it ended with `expected`. */
function schemahub(args, expected = 0) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { cwd: folder, env: environment });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      err += text;
    });
    child.on('error', reject).on('close', (code) => {
      if (code === expected) resolve(out);
      else reject(new Error(`schemahub ${args.join(' ')} ended with ${code}, expected ${expected}\n${out}${err}`));
    });
  });
}

/** Starts the simulated exchange; resolves with its address and how to end it. */
function simulate() {
  const args = ['simulate', '--products', `${PRODUCT}:${FIRST_TRADES}`, '--live', '--port', '0', '--json'];
  const child = spawn(process.execPath, [program, ...args], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let out = '';
    child
      .on('error', reject)
      .on('exit', (code) => reject(new Error(`the simulated exchange ended with ${code}: ${out}`)));
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
      if (out.endsWith('\n')) resolve({ url: JSON.parse(out).url, end: () => child.kill('SIGKILL') });
    });
  });
}

/** What both layers hold: raw records and their ids, rows of the table and its keys. */
async function count() {
  const sql = `SELECT (SELECT count(*) FROM raw_coinbase_trades) AS raw,
    (SELECT count(DISTINCT (product_id, trade_id)) FROM raw_coinbase_trades) AS raw_keys,
    (SELECT count(*) FROM trades_unified) AS rows,
    (SELECT count(DISTINCT (exchange, symbol, trade_id)) FROM trades_unified) AS keys`;
  const text = await schemahub(['query', sql, '-o', 'jsonl']);
  const { raw, raw_keys: rawKeys, rows, keys } = JSON.parse(text);
  return { raw: Number(raw), rawKeys: Number(rawKeys), rows: Number(rows), keys: Number(keys) };
}

function check(what, isTrue, facts) {
  if (!isTrue) throw new Error(`${what} does not hold: ${JSON.stringify(facts)}`);
  console.log(`  ok  ${what}`);
}

/** After a step that ends with both layers even. */
async function checkEven(step) {
  const now = await count();
  console.log(`${step}: ${now.raw} raw records, ${now.rows} rows`);
  check('raw records = rows', now.raw === now.rows, now);
  check('COUNT(*) = COUNT(DISTINCT key), in both layers', now.rows === now.keys && now.raw === now.rawKeys, now);
  return now;
}

async function main() {
  const exchange = await simulate();
  try {
    environment.COINBASE_API_URL = exchange.url;

    await schemahub(['backfill', PRODUCT]);
    const fetched = await count();
    console.log(`backfill: ${fetched.raw} raw records, ${fetched.rows} rows`);
    check(
      'the whole history is there, the table is still empty',
      fetched.raw >= FIRST_TRADES && fetched.rows === 0,
      fetched,
    );
    check('each raw record once', fetched.raw === fetched.rawKeys, fetched);

    await schemahub(['transform']);
    const first = await checkEven('transform');
    check('transform changed no raw record', first.raw === fetched.raw, { first, fetched });

    await schemahub(['ingest', PRODUCT]);
    const grown = await count();
    console.log(`ingest: ${grown.raw} raw records, ${grown.rows} rows`);
    check(
      'new trades came, the table waits for its transform',
      grown.raw > first.raw && grown.rows === first.rows,
      grown,
    );

    await schemahub(['transform']);
    const second = await checkEven('transform');
    check('deltas are equal in both layers', second.raw - first.raw === second.rows - first.rows, { first, second });

    await schemahub(['transform', '--rebuild']);
    const rebuilt = await checkEven('rebuild');
    check('rebuild changed no count', rebuilt.rows === second.rows && rebuilt.raw === second.raw, { second, rebuilt });

    await schemahub(['transform']);
    const again = await checkEven('transform again');
    check('nothing twice', again.rows === rebuilt.rows, { rebuilt, again });

    await schemahub(['quality', '--full-scan']);
    console.log('quality: every check holds');
    console.log((await schemahub(['verify', '--deep'])).trimEnd().split('\n').at(-1));
  } finally {
    exchange.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
