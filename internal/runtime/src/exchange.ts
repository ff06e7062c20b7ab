import { tmpdir } from 'node:os';
import { type CircuitEvent, createCircuitBreaker } from '@schemahub/circuit-breaker';
import {
  binanceArchivePolicy,
  binanceContract,
  binanceDefaults,
  binancePolicy,
  createBinanceConnector,
  type OpenScratch,
  scratchIn,
} from '@schemahub/connector-binance';
import {
  type CoinbaseAuth,
  coinbaseContract,
  coinbaseDefaults,
  coinbasePolicy,
  createCoinbaseConnector,
} from '@schemahub/connector-coinbase';
import {
  type AskRaw,
  type ContractFact,
  createFetchTransport,
  type FetchLike,
  systemClock,
} from '@schemahub/connector-kit';
import { createKrakenConnector, krakenContract, krakenDefaults, krakenPolicy } from '@schemahub/connector-kraken';
import type { BudgetSpec, Clock, Connector, ExchangePolicy, Transport, WindowedConnector } from '@schemahub/core';
import { createGuardedTransport, type GuardedTransport, type OnEvent, windowedConnector } from '@schemahub/ingest';
import { createFifoQueue, createRateLimiter, type RateLimiter } from '@schemahub/rate-limit';
import type { Config } from './config.js';
import { UsageError } from './errors.js';
import type { OpenLake } from './lake.js';
import { type Venue, venueOf } from './venues.js';

interface VenueEntry extends Venue {
  /** Trades of a page at most: a larger --limit is this. */
  readonly greatestPage: number;
  readonly defaultUrl: string;
  readonly policy: (config: Config, clock: Clock) => ExchangePolicy;
  /** Facts that its connector relies on, about one busy product, and what a question costs at most of each budget. */
  readonly contract: (product: string) => readonly ContractFact[];
  readonly busyProduct: string;
  readonly questionTokens: number;
  /** Where files of whole days and months lie, and what its host allows. */
  readonly archive?: { readonly url: string; readonly policy: () => ExchangePolicy } | undefined;
  readonly connect: (options: {
    transport: Transport;
    baseUrl: string;
    clock: Clock;
    pageLimit: number;
    onBudget: (budget: string, spec: BudgetSpec) => void;
    onExhausted: (budget: string, delayMs: number) => void;
    archive: { transport: Transport; baseUrl: string; openScratch: OpenScratch } | undefined;
  }) => Connector;
}

function coinbaseAuth(config: Config): CoinbaseAuth | undefined {
  const [key, secret, passphrase] = ['api-key', 'api-secret', 'api-passphrase'].map(config.optionalText);
  if (key === undefined && secret === undefined && passphrase === undefined) return undefined;
  if (key === undefined || secret === undefined || passphrase === undefined) {
    throw new UsageError(
      'Coinbase keys: expected COINBASE_API_KEY, COINBASE_API_SECRET and COINBASE_API_PASSPHRASE together, or none of them (public trades need none).',
    );
  }
  return { key, secret, passphrase };
}

/** How each of them is asked: with `venues.ts` the only place that knows them by name. */
const registry: readonly VenueEntry[] = [
  {
    ...venueOf('coinbase'),
    greatestPage: coinbaseDefaults.gridSize,
    defaultUrl: coinbaseDefaults.baseUrl,
    policy: (config, clock) =>
      coinbasePolicy({
        rate: config.optionalNumber('rate'),
        burst: config.optionalNumber('burst'),
        userAgent: coinbaseDefaults.userAgent,
        auth: coinbaseAuth(config),
        clock,
      }),
    contract: coinbaseContract,
    busyProduct: 'BTC-USD',
    questionTokens: 1,
    connect: createCoinbaseConnector,
  },
  {
    ...venueOf('binance'),
    greatestPage: binanceDefaults.gridSize,
    defaultUrl: binanceDefaults.baseUrl,
    policy: (config) => binancePolicy({ rate: config.optionalNumber('rate'), burst: config.optionalNumber('burst') }),
    archive: { url: binanceDefaults.archiveUrl, policy: binanceArchivePolicy },
    contract: binanceContract,
    busyProduct: 'BTCUSDT',
    // The weight of a page of trades; nothing that is asked weighs more.
    questionTokens: 25,
    connect: createBinanceConnector,
  },
  {
    ...venueOf('kraken'),
    greatestPage: krakenDefaults.gridSize,
    defaultUrl: krakenDefaults.baseUrl,
    policy: (config) => krakenPolicy({ rate: config.optionalNumber('rate'), burst: config.optionalNumber('burst') }),
    contract: krakenContract,
    busyProduct: 'XBTUSD',
    questionTokens: 1,
    connect: createKrakenConnector,
  },
];

function entryOf(exchange: string): VenueEntry {
  const { exchange: known } = venueOf(exchange);
  return registry.find((entry) => entry.exchange === known)!;
}

export interface OpenExchange {
  readonly venue: Venue;
  /** Without a lake: places in the history of a venue that pages by time are searched. */
  readonly connector: WindowedConnector;
  /** As the venue is. */
  readonly source: Connector;
  readonly limiter: RateLimiter;
  /** How busy the exchange can be kept. */
  readonly load: GuardedTransport['load'];
}

export interface OpenExchangeOptions {
  readonly config: Config;
  /** Shares the breaker's state with other processes. Without it the breaker is this process's own. */
  readonly lake?: OpenLake | undefined;
  readonly clock: Clock;
  /** Default: global fetch. */
  readonly fetch?: FetchLike | undefined;
  readonly onEvent: OnEvent;
  /** One line for a log: limiter and breaker changes. */
  readonly onLine: (text: string) => void;
  /** Where files of an archive wait for their checksum. Default: the system's folder for such. */
  readonly openScratch?: OpenScratch | undefined;
  /** Changes of the breaker, for metrics. */
  readonly onCircuit?: ((event: CircuitEvent) => void) | undefined;
}

function baseUrlOf(entry: VenueEntry, config: Config): string {
  const baseUrl = (config.optionalText('api-url') ?? entry.defaultUrl).replace(/\/+$/, '');
  if (!/^https?:\/\/[^/]+/.test(baseUrl)) {
    throw new UsageError(
      `${entry.exchange.toUpperCase()}_API_URL: expected http:// or https:// and a host, got ${JSON.stringify(baseUrl)}.`,
    );
  }
  return baseUrl;
}

/** What stands between the program and one host. */
interface Gate {
  readonly limiter: RateLimiter;
  readonly transport: GuardedTransport;
}

/** A limiter, a breaker and a transport of its own for each host: trouble of one does not stop the other. */
function createGate(
  options: OpenExchangeOptions,
  host: { readonly name: string; readonly policy: ExchangePolicy; readonly maxWaitMs: number },
): Gate {
  const { config, lake, clock, onEvent, onLine } = options;
  const { name, policy, maxWaitMs } = host;
  const limiter = createRateLimiter({
    budgets: policy.budgets,
    clock,
    rateShare: config.number('rate-share'),
    // Bottleneck waits by real timers: on any other clock than the machine's, our own queue keeps time.
    createQueue: clock === systemClock ? undefined : createFifoQueue,
    onEvent: ({ text }) => onLine(text),
  });
  const timeoutMs = config.number('timeout') * 1000;
  // A probe that may still be answered must not be given up, nor its state be forgotten.
  const probeLeaseMs = Math.max(60_000, 2 * timeoutMs);
  const breaker = config.flag('circuit-breaker')
    ? createCircuitBreaker({
        name,
        clock,
        probeLeaseMs,
        staleMs: Math.max(600_000, 2 * probeLeaseMs),
        store: lake?.circuits(name),
        onEvent: (event) => {
          onLine(event.text);
          options.onCircuit?.(event);
        },
      })
    : undefined;
  const plain = createFetchTransport({ policy, clock, fetch: options.fetch, timeoutMs });
  return {
    limiter,
    transport: createGuardedTransport({
      transport: plain,
      limiter,
      breaker,
      clock,
      maxWaitMs,
      onEvent,
      // A process that slept past its leases sends nothing that waited for its turn.
      beforeSend: lake?.leases.check,
    }),
  };
}

/** The archive's host; none for a base URL that is not the venue's own, whose trades the files are not. */
function archiveUrlOf(entry: VenueEntry, config: Config): string | undefined {
  const mode = config.text('archive');
  const given = config.optionalText('archive-url');
  const isReal = baseUrlOf(entry, config) === entry.defaultUrl;
  const url = entry.archive === undefined ? undefined : (given ?? (isReal ? entry.archive.url : undefined));
  if (mode === 'always' && url === undefined)
    throw new UsageError(
      entry.archive === undefined
        ? `--archive always: ${entry.exchange} keeps no files of its trades; leave it out.`
        : `--archive always: the base URL is not ${entry.defaultUrl}, so nothing says where its files lie; set ${entry.exchange.toUpperCase()}_ARCHIVE_URL.`,
    );
  return mode === 'never' ? undefined : url;
}

/** An exchange behind its limiter and breaker. */
export function openExchange(options: OpenExchangeOptions): OpenExchange {
  const { config, clock } = options;
  const entry = entryOf(config.text('exchange'));
  const policy = entry.policy(config, clock);
  const gate = createGate(options, { name: entry.exchange, policy, maxWaitMs: config.number('max-wait') * 1000 });
  const { limiter, transport } = gate;
  // What the user set stands, whatever the exchange says it allows.
  const isChosen = config.optionalNumber('rate') !== undefined || config.optionalNumber('burst') !== undefined;
  const onBudget = (budget: string, spec: BudgetSpec): void => {
    if (!isChosen) limiter.setBudget(budget, spec);
  };
  const archiveUrl = archiveUrlOf(entry, config);
  const archive =
    entry.archive === undefined || archiveUrl === undefined
      ? undefined
      : {
          // Nobody waits for it: what it does not give now comes over the API. It is no part of the exchange's health.
          transport: createGate(
            { ...options, onEvent: () => undefined, onCircuit: undefined },
            { name: `${entry.exchange}-archive`, policy: entry.archive.policy(), maxWaitMs: 0 },
          ).transport,
          baseUrl: archiveUrl,
          openScratch: options.openScratch ?? scratchIn(tmpdir()),
        };
  const source = entry.connect({
    transport,
    baseUrl: baseUrlOf(entry, config),
    clock,
    pageLimit: Math.min(config.number('limit'), entry.greatestPage),
    onBudget,
    onExhausted: (budget, delayMs) => limiter.penalize({ budget, delayMs }),
    archive,
  });
  return {
    venue: entry,
    connector: windowedConnector(source),
    source,
    limiter,
    load: transport.load,
  };
}

/** The facts to be checked, and the way to ask: paced, and whatever comes back is an answer. Throws `UsageError`. */
export function openContract(
  options: Pick<OpenExchangeOptions, 'config' | 'clock' | 'fetch'> & {
    /** Default: one that trades all the time. */
    readonly product: string | undefined;
    readonly stop: AbortSignal;
  },
): {
  readonly facts: readonly ContractFact[];
  readonly ask: AskRaw;
  readonly origin: string;
  readonly product: string;
} {
  const { config, clock, stop } = options;
  const entry = entryOf(config.text('exchange'));
  const policy = entry.policy(config, clock);
  const limiter = createRateLimiter({
    budgets: policy.budgets,
    clock,
    rateShare: config.number('rate-share'),
    createQueue: createFifoQueue,
  });
  const transport = createFetchTransport({
    policy: { headers: policy.headers, classify: () => ({ ok: true }) },
    clock,
    fetch: options.fetch,
    timeoutMs: config.number('timeout') * 1000,
  });
  const origin = baseUrlOf(entry, config);
  const { product = entry.busyProduct } = options;
  const cost = Object.keys(policy.budgets).map((budget) => ({
    // A budget of each product is that of the one asked about.
    budget: budget.replace('*', product),
    tokens: entry.questionTokens,
  }));
  const ask: AskRaw = (path) =>
    limiter.schedule(() => transport.send({ url: origin + path, cost }, { signal: stop }), { cost, signal: stop });
  return { facts: entry.contract(product), ask, origin, product };
}
