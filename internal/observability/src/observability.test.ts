import { readFileSync } from 'node:fs';
import type { CircuitEvent } from '@schemahub/circuit-breaker';
import { ExchangeError } from '@schemahub/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createEmfSink,
  createFetchMeter,
  createPublisher,
  createRecorder,
  EMF_LIMITS,
  emfLines,
  jsonLine,
  type MetricDatum,
  type MetricName,
  metrics,
  PUT_LIMITS,
  planPuts,
  recordsOf,
} from './index.js';

const subject = { source: 'coinbase' };
const NOW = 1_800_000_000_000;

describe('the recorder', () => {
  it('adds sums, keeps the last word of states, and counts equal measurements', () => {
    const recorder = createRecorder();
    recorder.add('APISuccessCount', 2, subject);
    recorder.add('APISuccessCount', 3, subject);
    recorder.set('CircuitBreakerState', 1, subject);
    recorder.set('CircuitBreakerState', 0.5, subject);
    for (const ms of [10, 10, 20.001, Number.NaN]) recorder.sample('ExchangeResponseTime', ms, subject);
    const told = Object.fromEntries(recorder.drain().map(({ name, values, counts }) => [name, [values, counts]]));
    expect(told).toEqual({
      APISuccessCount: [[5], [1]],
      CircuitBreakerState: [[0.5], [1]],
      ExchangeResponseTime: [
        [10, 20],
        [2, 1],
      ],
    });
    expect(recorder.drain()).toEqual([]);
  });

  it('gives a product to three metrics only, and of these to the 20 largest', () => {
    const recorder = createRecorder();
    for (let index = 0; index < 50; index++) {
      const product = { source: 'coinbase', product: `P${index}` };
      recorder.add('IngestCount', index, product);
      recorder.add('APISuccessCount', 1, product);
    }
    recorder.add('IngestCount', 1225, subject);
    const data = recorder.drain();
    const products = data.flatMap(({ dimensions }) => (dimensions.Product === undefined ? [] : [dimensions.Product]));
    expect(products.sort()).toEqual(Array.from({ length: 20 }, (_, index) => `P${30 + index}`).sort());
    expect(data.filter(({ name }) => name === 'APISuccessCount')).toEqual([
      { name: 'APISuccessCount', unit: 'Count', dimensions: { Source: 'coinbase' }, values: [50], counts: [1] },
    ]);
  });
});

const datum = fc.record({
  name: fc.constantFrom(...(Object.keys(metrics) as MetricName[])),
  unit: fc.constant('Count' as const),
  dimensions: fc.constantFrom({ Source: 'coinbase' }, { Source: 'coinbase', Product: '1INCH-USD' }),
  values: fc.array(fc.integer({ min: 0, max: 1e6 }), { minLength: 1, maxLength: 400 }),
});
const data = fc.array(
  datum.map((one): MetricDatum => ({ ...one, counts: one.values.map(() => 1) })),
  { maxLength: 1500 },
);
const total = (all: readonly MetricDatum[]): number => all.reduce((sum, { values }) => sum + values.length, 0);

describe('batches', () => {
  it('keep every value, within the limits of PutMetricData', () => {
    fc.assert(
      fc.property(data, (all) => {
        const batches = planPuts(all);
        expect(total(batches.flat())).toBe(total(all));
        for (const batch of batches) {
          expect(batch.length).toBeLessThanOrEqual(PUT_LIMITS.metrics);
          expect(JSON.stringify(batch).length).toBeLessThanOrEqual(PUT_LIMITS.bytes);
          for (const { values, counts } of batch) {
            expect(values.length).toBeLessThanOrEqual(PUT_LIMITS.values);
            expect(counts.length).toBe(values.length);
          }
        }
      }),
      { numRuns: 20 },
    );
  });

  it('as EMF keep every value, within its limits, each metric once a line', () => {
    fc.assert(
      fc.property(data, (all) => {
        let seen = 0;
        for (const line of emfLines(all, NOW)) {
          const parsed = JSON.parse(line) as {
            _aws: { CloudWatchMetrics: { Metrics: { Name: string }[]; Dimensions: string[][] }[] };
          } & Record<string, unknown>;
          const { Metrics, Dimensions } = parsed._aws.CloudWatchMetrics[0]!;
          expect(Metrics.length).toBeLessThanOrEqual(EMF_LIMITS.metrics);
          expect(new Set(Metrics.map(({ Name }) => Name)).size).toBe(Metrics.length);
          for (const name of Dimensions[0]!) expect(typeof parsed[name]).toBe('string');
          for (const { Name } of Metrics) {
            const value = parsed[Name] as number | { Values: number[]; Counts: number[] };
            if (typeof value === 'object') expect(value.Values.length).toBeLessThanOrEqual(EMF_LIMITS.values);
            seen += typeof value === 'object' ? value.Values.length : 1;
          }
        }
        expect(seen).toBe(total(all));
      }),
      { numRuns: 10 },
    );
  });
});

describe('the publisher', () => {
  it('tells of a failure once, never throws, and goes on', async () => {
    const recorder = createRecorder();
    const told: unknown[] = [];
    let calls = 0;
    const publisher = createPublisher({
      recorder,
      now: () => NOW,
      onFailure: (error) => void told.push(error),
      sink: async () => {
        calls++;
        throw new Error('throttled');
      },
    });
    for (let round = 0; round < 3; round++) {
      recorder.add('JobRuns', 1, subject);
      await publisher.flush();
    }
    expect([calls, told.length]).toEqual([3, 1]);
  });

  it('sends nothing when there is nothing, and lines where lines are wanted', async () => {
    const lines: string[] = [];
    const recorder = createRecorder();
    const sink = createEmfSink((line) => void lines.push(line));
    const publisher = createPublisher({ recorder, sink, now: () => NOW, onFailure: () => undefined });
    await publisher.flush();
    expect(lines).toEqual([]);
    recorder.add('JobRuns', 1, subject);
    await publisher.flush();
    expect(JSON.parse(lines.join(''))).toEqual({
      _aws: {
        Timestamp: NOW,
        CloudWatchMetrics: [
          { Namespace: 'SchemaHub', Dimensions: [['Source']], Metrics: [{ Name: 'JobRuns', Unit: 'Count' }] },
        ],
      },
      Source: 'coinbase',
      JobRuns: 1,
    });
  });
});

describe('the meter of a fetching run', () => {
  const failure = (
    kind: 'rate' | 'transient' | 'product',
    transient?: 'server' | 'timeout' | 'connection' | 'body',
  ) => ({
    type: 'request-failed' as const,
    product: '1INCH-USD',
    error: new ExchangeError('HTTP 500', transient === undefined ? { kind } : { kind, transient }),
    attempt: 1,
    attempts: 5,
    retryInMs: 100,
  });

  it('counts answers by kind, and says the health of the exchange', () => {
    let now = NOW;
    const recorder = createRecorder();
    const meter = createFetchMeter({ recorder, source: 'coinbase', now: () => now });
    for (let index = 0; index < 96; index++)
      meter.onEvent({ type: 'request-succeeded', product: 'BTC-USD', trades: 1000, seconds: index / 100 });
    for (const event of [
      failure('rate'),
      failure('transient', 'server'),
      failure('transient', 'timeout'),
      failure('transient', 'connection'),
      failure('product'),
    ])
      meter.onEvent(event);
    meter.onEvent({ type: 'product-finished', product: 'BTC-USD', newTrades: 7 });
    meter.onCircuit({ type: 'opened', name: 'coinbase', origin: 'here', text: '' } as CircuitEvent);
    meter.onCircuit({ type: 'opened', name: 'coinbase', origin: 'store', text: '' } as CircuitEvent);
    now += 10_000;
    meter.end({ newest: new Map([['BTC-USD', new Date(NOW - 50_000).toISOString()]]), activeProducts: 2 });
    const told = Object.fromEntries(
      recorder
        .drain()
        .filter(({ dimensions }) => dimensions.Product === undefined)
        .map(({ name, values }) => [name, values.length === 1 ? values[0] : values.length]),
    );
    expect(told).toEqual({
      APISuccessCount: 96,
      ExchangeResponseTime: 96,
      RateLimitErrors: 1,
      ServerErrors: 1,
      TimeoutErrors: 1,
      ConnectionErrors: 1,
      ProductsProcessed: 1,
      IngestCount: 7,
      CircuitBreakerState: 1,
      CircuitBreakerOpens: 1,
      ResponseTimeP95: 910,
      TradesPerSecond: 9600,
      ActiveProducts: 2,
      ExchangeErrorRate: 0.04,
      ExchangeHealthy: 0,
      DataAgeMinutes: 1,
    });
    expect(meter.health()).toMatchObject({
      status: 'unhealthy',
      circuitState: 'open',
      consecutiveFailures: 4,
      errorRate: 0.04,
      lastErrorMessage: 'HTTP 500',
      lastSuccessAt: NOW,
    });
  });
});

describe('JSON lines', () => {
  it('are one line each, without colours, and keep what a text says', () => {
    expect(recordsOf('\u001b[31merror:\u001b[39m no bucket\n\nnext\n')).toEqual([
      { level: 'error', message: 'error: no bucket' },
      { level: 'info', message: 'next' },
    ]);
    fc.assert(
      fc.property(fc.string(), (message) => {
        const line = jsonLine({ level: 'info', message, fields: { product: '1INCH-USD' } }, NOW);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(JSON.parse(line)).toMatchObject({
          time: '2027-01-15T08:00:00.000Z',
          level: 'info',
          product: '1INCH-USD',
        });
      }),
    );
  });
});

/** What a saved query's filters and parses find in messages: its regular expressions are those of JavaScript, too. */
function askSaved(query: string, messages: readonly string[]): { matched: string[]; parsed: (string | undefined)[] } {
  const filter = /filter message like \/((?:\\.|[^/])+)\//.exec(query)?.[1] ?? '';
  const parse = /parse message \/((?:\\.|[^/])+)\//.exec(query)?.[1];
  const matched = messages.filter((message) => new RegExp(filter).test(message));
  const parsed =
    parse === undefined
      ? []
      : matched.map((message) => Object.values(new RegExp(parse).exec(message)?.groups ?? {})[0]);
  return { matched, parsed };
}

const queries = JSON.parse(readFileSync(new URL('../saved-queries.json', import.meta.url), 'utf8')) as Record<
  string,
  string
>;

describe('saved queries', () => {
  const messages = [
    '[API] 1INCH-USD: RATE LIMITED (429), re-queued (attempt 2/10)',
    '[API] BTC-USD: SERVER ERROR status=500, will retry (attempt 2/5)',
    '[API] 00-USD: TIMEOUT no answer within 15 s, will retry (attempt 2/5)',
    '[API] ETH-USD: CONNECTION reset, will retry (attempt 2/5)',
    '[API] BTC-USD: SUCCESS - 1000 trades in 0.45s',
    'coinbase circuit OPENED after 5 consecutive failures. Last error: HTTP 500',
    'coinbase circuit HALF_OPEN (testing recovery)',
    'coinbase circuit CLOSED - exchange recovered (3 consecutive successes)',
  ];

  it('find what they are for in the texts of SPEC 7, products that begin with a digit too', () => {
    expect(askSaved(queries['errors-per-hour']!, messages).matched).toEqual(messages.slice(0, 4));
    expect(askSaved(queries['rate-limits-by-product']!, messages).parsed).toEqual(['1INCH-USD']);
    expect(askSaved(queries['server-errors-by-status']!, messages).parsed).toEqual(['500']);
    expect(askSaved(queries['slow-answers']!, messages).parsed).toEqual(['0.45']);
    expect(askSaved(queries['circuit-events']!, messages).matched).toEqual(messages.slice(5));
  });
});
