import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Clock } from '@schemahub/core';
import { type CoinbaseProductSpec, type CoinbaseSim, createCoinbaseSim, type VenueSim } from '@schemahub/exchange-sim';
import { runCli } from '../cli.js';
import { createSkippingClock } from '../skipping-clock.js';

/** When the programs of a world begin, and its newest trades: old enough for holes to be settled. */
export const WORLD_NOW: number = Date.parse('2026-11-20T12:00:00Z');
export const WORLD_NEWEST: number = WORLD_NOW - 15 * 60_000;

/** One run of the command line. */
export interface CliRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** stdout as the one JSON object that `--json` promises; throws for anything else. */
  readonly json: <T = Record<string, unknown>>() => T;
}

/** How a run ended, where it ran. */
export function cliRun(code: number, out: string, err: string): CliRun {
  return {
    code,
    out,
    err,
    json: <T>() => {
      if (!/^\{.*\}\n$/s.test(out) || out.trimEnd().includes('\n'))
        throw new Error(
          `stdout is not one JSON object on one line: ${out.slice(0, 400)}\nstderr: ${err.slice(0, 2000)}`,
        );
      return JSON.parse(out) as T;
    },
  };
}

export interface WorldOptions {
  readonly products: readonly Partial<CoinbaseProductSpec>[];
  readonly seed?: string | undefined;
  /** Default: the machine's speed, short waits skipped. */
  readonly clock?: Clock | undefined;
  /** What the command line gets instead of an answer: to make trouble that the simulated exchange does not know. */
  readonly alter?: ((answer: Response, url: string) => Response | Promise<Response>) | undefined;
  /** Further exchanges by the host of their URLs; every other host is the simulated Coinbase. */
  readonly others?: Readonly<Record<string, Pick<VenueSim, 'fetch'>>> | undefined;
  /** Options of the simulated exchange besides products, seed and clock. */
  readonly sim?: Partial<Parameters<typeof createCoinbaseSim>[0]> | undefined;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly columns?: number | undefined;
  readonly isTerminal?: boolean | undefined;
  /** Adds no `--lake`: the environment names it. */
  readonly plain?: boolean | undefined;
  /** Sees every text on stderr as it comes, to act in the midst of a run. */
  readonly onErr?: ((text: string) => void) | undefined;
}

/** A simulated exchange, an empty folder, and the command line between them, all in this process. */
export interface World {
  readonly sim: CoinbaseSim;
  readonly clock: Clock;
  /** Holds the lake and whatever else a test writes. */
  readonly folder: string;
  readonly lake: string;
  /** Runs `schemahub ARGS --lake LAKE`. */
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<CliRun>;
  /** Requests that the exchange has seen so far. */
  readonly requests: () => number;
  readonly remove: () => Promise<void>;
}

/** Commands that know no lake. */
const LAKELESS: ReadonlySet<string> = new Set(['init', 'config', 'probe', 'simulate', '--help', '--version']);

export async function createWorld(options: WorldOptions): Promise<World> {
  const clock = options.clock ?? createSkippingClock(WORLD_NOW);
  const products = options.products.map((product) => ({ endTime: WORLD_NEWEST, ...product }) as CoinbaseProductSpec);
  const sim = createCoinbaseSim({ seed: options.seed ?? 'world', rateLimit: false, clock, ...options.sim, products });
  const folder = await mkdtemp(join(tmpdir(), 'schemahub-world-'));
  const lake = join(folder, 'lake');
  const run: World['run'] = async (args, runOptions = {}) => {
    let out = '';
    let err = '';
    const argv =
      runOptions.plain === true || LAKELESS.has(args[0] ?? '') || args.includes('--lake')
        ? args
        : [...args, '--lake', lake];
    const code = await runCli(argv, {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
        runOptions.onErr?.(text);
      },
      isTerminal: runOptions.isTerminal ?? false,
      isErrTerminal: runOptions.isTerminal ?? false,
      columns: runOptions.columns ?? 100,
      style: (_style, text) => text,
      environment: {
        COINBASE_API_URL: 'https://simulated.exchange',
        SCHEMAHUB_COINBASE_RATE: '1000',
        SCHEMAHUB_COINBASE_BURST: '500',
        ...runOptions.environment,
      },
      folder,
      input: new PassThrough().end(),
      output: new PassThrough(),
      clock,
      fetch: async (url, init) => {
        const answer = await (options.others?.[new URL(url).host] ?? sim).fetch(url, init);
        return options.alter === undefined ? answer : await options.alter(answer, url);
      },
    });
    return cliRun(code, out, err);
  };
  return {
    sim,
    clock,
    folder,
    lake,
    run,
    requests: () => sim.stats.requests,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
