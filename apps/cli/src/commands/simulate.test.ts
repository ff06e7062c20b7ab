import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltCli, buildCli } from '../testing/built-cli.js';

let cli: BuiltCli;
let folder: string;
beforeAll(async () => {
  cli = await buildCli();
  folder = await mkdtemp(join(tmpdir(), 'schemahub-simulate-'));
}, 120_000);
afterAll(async () => {
  await cli.remove();
  await rm(folder, { recursive: true, force: true });
});

describe('a stand-in of each exchange in a process of its own', () => {
  it.each([
    ['coinbase', 'BTC-USD'],
    ['binance', 'BTCUSDT'],
    ['kraken', 'XBTUSD'],
  ] as const)('%s: what simulate says to try works', async (exchange, product) => {
    const args = ['simulate', exchange, '--products', 'BTC-USD:2500', '--no-rate-limit', '--port', '0'];
    const simulated = cli.start(args, { folder });
    const said = await simulated.seen(/Try: .*\n/, 'out');
    const words = /Try: (.*)\n/.exec(said)![1]!.split(' ');
    const environment = Object.fromEntries(words.filter((word) => word.includes('=')).map((word) => word.split('=')));
    const command = words.slice(words.indexOf('schemahub') + 1);
    expect(command.slice(0, 2)).toEqual(['backfill', product]);
    const rates = { [`SCHEMAHUB_${exchange.toUpperCase()}_RATE`]: '100' };
    const { code, err } = await cli.run(command, { folder, environment: { ...environment, ...rates } });
    expect(code, err).toBe(0);
    expect(err).toContain('2,500 in raw, 0 void, 0 missing');
    simulated.kill('SIGTERM');
    await simulated.ended;
  });
});
