// Heads of a seed file of 765 products by the built command line, real time: `pnpm build && pnpm bench heads [draws]`.
// Each draw has an exchange and a process of its own, all at the same time: Coinbase's bucket (10 a second, burst 15) and a
// lognormal latency (mean 1.8 s, sigma 0.5).
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createCoinbaseSim, serve } from '@schemahub/exchange-sim';

const CLI = fileURLToPath(new URL('../../../apps/cli/bin/schemahub.mjs', import.meta.url));
const RATE = 10;
const products = Array.from({ length: 765 }, (_, i) => ({
  id: `P${i}-USD`,
  trades: 3,
  endTime: Date.now() - 3600_000,
}));

/** One whole run; returns a row of the table. */
async function scan(draw: number): Promise<readonly (string | number)[]> {
  const sim = createCoinbaseSim({
    seed: draw,
    rateLimit: { ratePerSecond: RATE, burst: 15 },
    latencyMs: { mean: 1800, sigma: 0.5 },
    requestLog: 10_000,
    products,
  });
  const folder = await mkdtemp(join(tmpdir(), 'schemahub-bench-'));
  const server = await serve(sim);
  try {
    const seed = join(folder, 'seed.yaml');
    await writeFile(seed, `product_ids:\n${products.map(({ id }) => `  - ${id}\n`).join('')}`);
    const command = [
      'backfill',
      '--dry-run',
      '--seed-path',
      seed,
      '--lake',
      join(folder, 'lake'),
      '--api-url',
      server.url,
    ];
    const begun = Date.now();
    const child = spawn(process.execPath, [CLI, ...command], { stdio: ['ignore', 'ignore', 'pipe'] });
    let scanned = Number.NaN;
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line);
      if (line.startsWith(`Scanned ${products.length}/`)) scanned = Date.now();
    }
    if (Number.isNaN(scanned)) throw new Error(`no head was scanned last:\n${said.slice(-5).join('\n')}`);
    const log = sim.requests();
    const heads = log.filter(({ url }) => /\/(trades|ticker)/.test(url));
    const first = Math.min(...heads.map(({ atMs }) => atMs));
    const refused = sim.stats.rateLimited;
    const seconds = (ms: number): string => (ms / 1000).toFixed(1);
    return [draw, seconds(scanned - first), seconds(scanned - begun), sim.stats.requests, refused];
  } finally {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const draws = Number(process.argv[2] ?? 6);
const rows = await Promise.all(Array.from({ length: draws }, (_, i) => scan(i + 1)));
console.log(
  '| draw of latencies | first head asked to last answer, s | start of the program to last answer, s | requests | 429s |',
);
console.log('|---|---|---|---|---|');
for (const row of rows) console.log(`| ${row.join(' | ')} |`);
