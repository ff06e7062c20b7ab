import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Fault } from '@schemahub/exchange-sim';
import { isMetricName } from '@schemahub/observability';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { createIdleClock } from './testing/idle-clock.js';
import { createWorld, WORLD_NOW, type World } from './testing/virtual-run.js';

const PRODUCT = '1INCH-USD';
const savedQueries = JSON.parse(
  readFileSync(new URL('../../../internal/observability/saved-queries.json', import.meta.url), 'utf8'),
) as Record<string, string>;

let world: World;
let fault: ((index: number) => Fault | undefined) | undefined;
beforeAll(async () => {
  world = await createWorld({
    products: [{ id: PRODUCT, trades: 3000 }],
    clock: createIdleClock(WORLD_NOW),
    sim: { script: (index) => fault?.(index) },
  });
});
afterAll(() => world.remove());
afterEach(() => {
  fault = undefined;
});

interface Line {
  readonly level?: string;
  readonly message?: string;
  readonly product?: string;
  readonly status?: number;
  readonly _aws?: { readonly CloudWatchMetrics: readonly { readonly Metrics: readonly { readonly Name: string }[] }[] };
}

const linesOf = (err: string): (Line & Record<string, unknown>)[] =>
  err
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line & Record<string, unknown>);

const environment = { SCHEMAHUB_METRICS: 'emf', SCHEMAHUB_LOG_FORMAT: 'json' };

describe('a run whose exchange is in trouble, as JSON lines with metrics', () => {
  it('says each thing once as a line of JSON; saved queries find what they look for; metrics add up', async () => {
    // Behind the catalogue: too many requests, an error of the server, then five in a row that open the circuit.
    fault = (index) =>
      index === 3
        ? { kind: 'status', status: 429 }
        : index >= 6 && index <= 30
          ? { kind: 'status', status: 500 }
          : undefined;
    const { code, err } = await world.run(['backfill', PRODUCT, '-v'], { environment });
    expect([exitCodes.complete, exitCodes.incomplete, exitCodes.unavailable], err).toContain(code);
    const lines = linesOf(err);
    const messages = lines.flatMap(({ message }) => (message === undefined ? [] : [message]));
    const ask = (name: string): { matched: string[]; first: string | undefined } => {
      const query = savedQueries[name]!;
      const filter = /filter message like \/((?:\\.|[^/])+)\//.exec(query)![1]!;
      const parse = /parse message \/((?:\\.|[^/])+)\//.exec(query)?.[1];
      const matched = messages.filter((message) => new RegExp(filter).test(message));
      const groups = parse === undefined ? undefined : new RegExp(parse).exec(matched[0] ?? '')?.groups;
      return { matched, first: Object.values(groups ?? {})[0] };
    };
    expect(ask('rate-limits-by-product').first).toBe(PRODUCT);
    expect(ask('server-errors-by-status').first).toBe('500');
    expect(ask('errors-per-hour').matched.length).toBeGreaterThanOrEqual(6);
    expect(ask('slow-answers').matched.length).toBeGreaterThan(0);
    expect(ask('circuit-events').matched[0]).toMatch(
      /^coinbase circuit OPENED after 5 consecutive failures\. Last error: HTTP 500/,
    );
    const failed = lines.find(({ message }) => message?.includes('SERVER ERROR'));
    expect(failed).toMatchObject({ level: 'warn', product: PRODUCT, status: 500, event: 'request-failed' });

    const metrics = new Map<string, unknown>();
    for (const line of lines)
      for (const { Metrics } of line._aws?.CloudWatchMetrics ?? [])
        for (const { Name } of Metrics) if (line.Product === undefined) metrics.set(Name, line[Name]);
    for (const name of metrics.keys()) expect(isMetricName(name), name).toBe(true);
    expect(metrics.get('RateLimitErrors')).toBe(1);
    expect(metrics.get('ServerErrors')).toBe(ask('server-errors-by-status').matched.length);
    expect(metrics.get('CircuitBreakerOpens')).toBeGreaterThanOrEqual(1);
    expect(metrics.get('JobRuns')).toBe(1);
  });

  it('is told as text where nobody asked for lines, and without metrics', async () => {
    const { err } = await world.run(['backfill', PRODUCT]);
    expect(err).not.toMatch(/^\{/m);
  });
});

describe('metrics that cannot be sent', () => {
  it('are told once, and the run ends as it would have', async () => {
    const server = createServer((_request, response) => response.writeHead(400).end('no'));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { code, err } = await world.run(['transform'], {
      environment: {
        SCHEMAHUB_METRICS: 'cloudwatch',
        AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        AWS_ACCESS_KEY_ID: 'x',
        AWS_SECRET_ACCESS_KEY: 'y',
      },
    });
    server.closeAllConnections();
    server.close();
    expect(code, err).toBe(exitCodes.complete);
    expect(err.match(/metrics could not be sent/g)?.length).toBe(1);
  });
});
