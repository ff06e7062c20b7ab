import { randomUUID } from 'node:crypto';
import { type DynamoItem, putItem, scanTable } from '@schemahub/aws-sim';
import { circuitStoreCases } from '@schemahub/circuit-breaker/testing';
import type { ProcessIdentity } from '@schemahub/object-store';
import { expect, it } from 'vitest';
import { createDynamoHealth, createDynamoLeases, type DynamoOptions } from '../dynamodb.js';
import { createLeases, type Leases } from '../leases.js';
import { createManualClock, leaseStoreConformance } from '../testing/index.js';

export type DynamoPlace = Pick<DynamoOptions, 'region' | 'endpoint' | 'credentials'>;

const elsewhere: ProcessIdentity = { host: 'another host', pid: 1, startedAt: '1' };

/** The suite of the DynamoDB back end, on any service that speaks its language. `tables` makes two empty tables. */
export function dynamoSuite(place: () => DynamoPlace, tables: () => Promise<{ locks: string; health: string }>): void {
  const options = { createId: randomUUID };

  it.each(leaseStoreConformance())('leases: $name', async ({ run }) => {
    await run(async () => createDynamoLeases({ ...place(), ...options, table: (await tables()).locks }));
  });

  it.each(
    circuitStoreCases(() => ({ read: async () => undefined, write: async () => 'conflict' })).map(({ name }) => name),
  )('breaker state: %s', async (name) => {
    const open = async (): Promise<ReturnType<ReturnType<typeof createDynamoHealth>['circuitStore']>> =>
      createDynamoHealth({ ...place(), ...options, table: (await tables()).health }).circuitStore('coinbase');
    await circuitStoreCases(open)
      .find((one) => one.name === name)!
      .run();
  });

  it('a lease costs one call to take, one a heartbeat, one to free; a refused one costs one', async () => {
    const calls: string[] = [];
    const { locks: table } = await tables();
    const store = createDynamoLeases({ ...place(), ...options, table, onRequest: (call) => void calls.push(call) });
    const clock = createManualClock(1_800_000_000_000);
    const leasesOf = (host: string): Leases =>
      createLeases({ store, clock, holder: { ...elsewhere, host }, createId: randomUUID });
    const first = await leasesOf('one').acquire('job:transform');
    expect([first.kind, calls]).toEqual(['held', ['PutItem']]);
    const second = await leasesOf('two').acquire('job:transform');
    expect(second).toEqual({
      kind: 'taken',
      holder: { ...elsewhere, host: 'one' },
      expiresAt: 1_800_000_120_000,
    });
    // dynalite does not send the item along: there it is read.
    expect(calls.filter((call) => call !== 'GetItem')).toEqual(['PutItem', 'PutItem']);
    const before = calls.length;
    if (first.kind === 'held') await first.lease.release();
    expect(calls.slice(before)).toEqual(['DeleteItem']);
    expect((await leasesOf('two').acquire('job:transform')).kind).toBe('held');
  });

  it.each([
    ['nothing but its name', {}],
    ['no end', { lock_id: { S: 'x' } }],
    ['an end that is no number', { lock_id: { S: 'x' }, ttl: { S: 'never' } }],
    ['no holder', { ttl: { N: '99999999999' } }],
  ])('an item that says %s is no lease: it is taken, and not asked about for ever', async (_what, said) => {
    const { locks: table } = await tables();
    await putItem(place().endpoint!, table, { lock_name: { S: 'job:transform' }, ...said } as DynamoItem);
    const calls: string[] = [];
    const onRequest = (call: string): void => {
      calls.push(call);
      if (calls.length > 5) throw new Error('asked again and again');
    };
    const store = createDynamoLeases({ ...place(), ...options, table, onRequest });
    const clock = createManualClock(1_800_000_000_000);
    const leases = createLeases({ store, clock, holder: elsewhere, createId: randomUUID });
    expect((await leases.acquire('job:transform')).kind).toBe('held');
    expect(calls).toEqual(['PutItem']);
  });

  it('health: the current state, and a history beside it', async () => {
    const { health: table } = await tables();
    const health = createDynamoHealth({ ...place(), ...options, table });
    expect(await health.read('coinbase')).toBeUndefined();
    const reading = {
      status: 'degraded',
      circuitState: 'closed',
      consecutiveFailures: 2,
      consecutiveSuccesses: 0,
      avgResponseTimeMs: 45.2,
      errorRate: 0.125,
      lastSuccessAt: 1_800_000_000_000,
      lastFailureAt: 1_800_000_001_000,
      lastErrorMessage: 'x'.repeat(700),
    } as const;
    await health.record('coinbase', reading, 1_800_000_002_000);
    const kept = { ...reading, lastErrorMessage: 'x'.repeat(500) };
    expect(await health.read('coinbase')).toEqual(kept);
    // The breaker shares the item, and neither takes anything from the other.
    const circuit = health.circuitStore('coinbase');
    expect(await circuit.write({ phase: 'half-open', updatedAt: 1, successes: 0 }, undefined)).not.toBe('conflict');
    expect(await health.read('coinbase')).toEqual({ ...kept, circuitState: 'half_open' });
    await health.record('coinbase', { ...reading, status: 'healthy' }, 1_800_000_003_000);
    expect(await health.read('coinbase')).toMatchObject({ status: 'healthy', circuitState: 'half_open' });
    expect((await circuit.read())?.value).toEqual({ phase: 'half-open', updatedAt: 1, successes: 0 });
  });

  it('the items have the attributes that others read, by their names and types', async () => {
    const { locks, health: table } = await tables();
    const health = createDynamoHealth({ ...place(), ...options, table });
    const reading = {
      status: 'unhealthy',
      circuitState: 'open',
      consecutiveFailures: 5,
      consecutiveSuccesses: 0,
      avgResponseTimeMs: 45,
      errorRate: 1,
      lastSuccessAt: 1_800_000_000_000,
      lastFailureAt: 1_800_000_001_000,
      lastErrorMessage: 'HTTP 500',
    } as const;
    await health.record('coinbase', reading, 1_800_000_002_000);
    const leases = createDynamoLeases({ ...place(), ...options, table: locks });
    const times = { acquiredAt: 1_800_000_000_000, renewedAt: 1_800_000_000_000, expiresAt: 1_800_000_120_000 };
    await leases.take('job:transform', { lockId: 'id', holder: elsewhere, ...times }, { now: 1, dead: undefined });
    const itemsOf = (name: string): Promise<readonly DynamoItem[]> => scanTable(place().endpoint!, name);
    const typesOf = (item: object): object =>
      Object.fromEntries(Object.entries(item).map(([name, value]) => [name, Object.keys(value as object)[0]]));
    // SPEC 8, to the letter.
    const facts = {
      exchange_name: 'S',
      timestamp: 'S',
      status: 'S',
      consecutive_failures: 'N',
      consecutive_successes: 'N',
      avg_response_time_ms: 'N',
      error_rate: 'N',
      last_success_ts: 'S',
      last_failure_ts: 'S',
      last_error_message: 'S',
    };
    const items = await itemsOf(table);
    const current = items.find(({ timestamp }) => timestamp?.S === 'current')!;
    const history = items.find(({ timestamp }) => timestamp?.S !== 'current')!;
    expect(typesOf(history)).toEqual({ ...facts, circuit_state: 'S', ttl: 'N' });
    expect([history.timestamp?.S, history.ttl?.N]).toEqual([
      new Date(1_800_000_002_000).toISOString(),
      `${1_800_000_002 + 7 * 86_400}`,
    ]);
    // The breaker alone says how it is, in the current item.
    expect(typesOf(current)).toEqual(facts);
    await health.circuitStore('coinbase').write({ phase: 'open', updatedAt: 1 }, undefined);
    const shared = (await itemsOf(table)).find(({ timestamp }) => timestamp?.S === 'current')!;
    expect(typesOf(shared)).toEqual({ ...facts, circuit_state: 'S', circuit: 'S', circuit_version: 'S' });
    expect(shared.circuit_state?.S).toBe('open');
    const [lock] = await itemsOf(locks);
    expect(typesOf(lock!)).toEqual({
      lock_name: 'S',
      lock_id: 'S',
      holder: 'S',
      acquired_at: 'S',
      renewed_at: 'N',
      ttl: 'N',
    });
  });

  it('a table that is not there is told with the remedy', async () => {
    const missing = { ...place(), ...options, table: 'no-such-table', maxAttempts: 1 };
    const error = {
      code: 'no-table',
      message: expect.stringMatching(/no such table.*DYNAMODB_LOCKS_TABLE.*no database/),
    };
    await expect(createDynamoLeases(missing).renew('p', 'x', { renewedAt: 1, expiresAt: 2 })).rejects.toMatchObject(
      error,
    );
    await expect(createDynamoHealth(missing).read('coinbase')).rejects.toMatchObject({ code: 'no-table' });
  });
}
