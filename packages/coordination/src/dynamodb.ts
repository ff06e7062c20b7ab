import {
  type AttributeValue,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type ReturnValuesOnConditionCheckFailure,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { parseProcessIdentity } from '@schemahub/object-store';
import { explainDynamo } from './dynamodb-failure.js';
import type { HealthReading, HealthTable } from './health.js';
import { CLOCKS_DIFFER_MS, type LeaseState, type LeaseStore } from './lease-store.js';

export type { HealthReading, HealthTable } from './health.js';

export interface DynamoOptions {
  readonly table: string;
  readonly region: string;
  /** Another service than AWS: DynamoDB Local, a stand-in. Default: AWS. */
  readonly endpoint?: string | undefined;
  /** Default: the SDK's chain. */
  readonly credentials?:
    | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string | undefined }
    | undefined;
  /** Text that is unique over all writers. */
  readonly createId: () => string;
  /** Tries of one request. Every write here may be repeated. Default 5. */
  readonly maxAttempts?: number | undefined;
  /** Told of every call, for counting and prices. */
  readonly onRequest?: ((operation: 'GetItem' | 'PutItem' | 'UpdateItem' | 'DeleteItem') => void) | undefined;
}

type Item = Record<string, AttributeValue>;
interface Update {
  readonly Key: Item;
  readonly UpdateExpression: string;
  readonly ConditionExpression?: string;
  readonly ExpressionAttributeNames?: Record<string, string>;
  readonly ExpressionAttributeValues: Item;
}
interface Condition {
  readonly ConditionExpression: string;
  readonly ExpressionAttributeNames?: Record<string, string>;
  readonly ExpressionAttributeValues?: Item;
}

/** The four calls, one table. A conditional one gives `undefined` when it was done, else the item that is in the way. */
interface Calls {
  readonly get: (Key: Item) => Promise<Item | undefined>;
  readonly put: (Item: Item) => Promise<void>;
  readonly putIf: (Item: Item, Key: Item, condition: Condition) => Promise<Item | undefined>;
  readonly update: (update: Update) => Promise<Item | undefined>;
  readonly deleteIf: (Key: Item, condition: Condition) => Promise<Item | undefined>;
  readonly close: () => void;
}

const ALL_OLD: { readonly ReturnValuesOnConditionCheckFailure: ReturnValuesOnConditionCheckFailure } = {
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
};

function createCalls(options: DynamoOptions, setting: string): Calls {
  const { table: TableName, region, endpoint, credentials, maxAttempts = 5, onRequest } = options;
  const client = new DynamoDBClient({
    region,
    maxAttempts,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined
      ? {}
      : {
          credentials: {
            accessKeyId: credentials.accessKeyId,
            secretAccessKey: credentials.secretAccessKey,
            ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
          },
        }),
    requestHandler: { connectionTimeout: 3000, requestTimeout: 10_000, throwOnRequestTimeout: true },
  });
  const explained = async <T>(doing: string, run: () => Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (error) {
      throw explainDynamo(error, { doing, table: TableName, region, setting });
    }
  };
  const get: Calls['get'] = (Key) =>
    explained('read', async () => {
      onRequest?.('GetItem');
      return (await client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }))).Item;
    });
  /** Not every stand-in sends the item along; then it is read. One that vanished meanwhile is an empty item. */
  const unlessRefused = async (doing: string, Key: Item, run: () => Promise<unknown>): Promise<Item | undefined> =>
    await explained(doing, async () => {
      try {
        await run();
        return undefined;
      } catch (error) {
        const { name, Item } = error as { name?: string; Item?: Item };
        if (name !== 'ConditionalCheckFailedException') throw error;
        return Item ?? (await get(Key)) ?? {};
      }
    });
  return {
    get,
    put: (Item) =>
      explained('write', async () => {
        onRequest?.('PutItem');
        await client.send(new PutItemCommand({ TableName, Item }));
      }),
    putIf: (Item, Key, condition) =>
      unlessRefused('write', Key, () => {
        onRequest?.('PutItem');
        return client.send(new PutItemCommand({ TableName, Item, ...condition, ...ALL_OLD }));
      }),
    update: (update) =>
      unlessRefused('write', update.Key, () => {
        onRequest?.('UpdateItem');
        return client.send(new UpdateItemCommand({ TableName, ...update, ...ALL_OLD }));
      }),
    deleteIf: (Key, condition) =>
      unlessRefused('delete', Key, () => {
        onRequest?.('DeleteItem');
        return client.send(new DeleteItemCommand({ TableName, Key, ...condition }));
      }),
    close: () => client.destroy(),
  };
}

const text = (value: string): AttributeValue => ({ S: value });
const number = (value: number): AttributeValue => ({ N: String(value) });
const seconds = (ms: number): AttributeValue => number(Math.ceil(ms / 1000));
const instant = (ms: number): AttributeValue => text(new Date(ms).toISOString());
const msOf = (value: AttributeValue | undefined): number | undefined =>
  value?.S === undefined ? undefined : Date.parse(value.S);

function stateOf(item: Item): LeaseState | undefined {
  const { lock_id, holder, acquired_at, renewed_at, ttl } = item;
  if (lock_id?.S === undefined || ttl?.N === undefined) return undefined;
  let identity: ReturnType<typeof parseProcessIdentity>;
  try {
    identity = parseProcessIdentity(JSON.parse(holder?.S ?? ''));
  } catch {
    // A holder that cannot be read cannot be known to be dead.
  }
  return {
    lockId: lock_id.S,
    holder: identity ?? { host: holder?.S ?? 'an unknown host', pid: 0, startedAt: '' },
    acquiredAt: msOf(acquired_at) ?? 0,
    renewedAt: Number(renewed_at?.N ?? 0) * 1000,
    expiresAt: Number(ttl.N) * 1000,
  };
}

/**
 * Leases in a DynamoDB table: one call to take, one a heartbeat, one to free. A free lease has no item; `ttl` lets
 * DynamoDB take away what dead holders left, days later, so that nothing depends on it.
 *
 * take ── put if IS_FREE ──▶ ours                     renew ── update if IS_MINE        release ── delete if IS_MINE
 *    └─ refused: the item in the way. Our own lock id in it: an earlier try had landed
 */
export function createDynamoLeases(options: DynamoOptions): LeaseStore & { readonly close: () => void } {
  const calls = createCalls(options, 'DYNAMODB_LOCKS_TABLE');
  const keyOf = (name: string): Item => ({ lock_name: text(name) });
  // An item that says no holder and no end would never be over: what cannot be read is free.
  const IS_FREE =
    'attribute_not_exists(lock_name) OR NOT attribute_type(lock_id, :isText) OR NOT attribute_type(#ttl, :isNumber) OR #ttl <= :now OR renewed_at > :ahead OR lock_id = :dead';
  const IS_MINE = 'lock_id = :mine';
  const ttlName = { '#ttl': 'ttl' }; // a reserved word
  return {
    take: async (name, state, { now, dead }) => {
      const item: Item = {
        ...keyOf(name),
        lock_id: text(state.lockId),
        holder: text(JSON.stringify(state.holder)),
        acquired_at: instant(state.acquiredAt),
        renewed_at: seconds(state.renewedAt),
        ttl: seconds(state.expiresAt),
      };
      for (;;) {
        const inTheWay = await calls.putIf(item, keyOf(name), {
          ConditionExpression: IS_FREE,
          ExpressionAttributeNames: ttlName,
          ExpressionAttributeValues: {
            ':now': number(Math.floor(now / 1000)),
            ':ahead': seconds(now + CLOCKS_DIFFER_MS),
            ':dead': text(dead ?? 'nobody'),
            ':isText': text('S'),
            ':isNumber': text('N'),
          },
        });
        if (inTheWay === undefined) return undefined;
        const held = stateOf(inTheWay);
        if (held !== undefined) return held.lockId === state.lockId ? undefined : held;
        // Freed between the refusal and the look at it: again.
      }
    },
    renew: async (name, lockId, { renewedAt, expiresAt }) => {
      const inTheWay = await calls.update({
        Key: keyOf(name),
        UpdateExpression: 'SET #ttl = :ttl, renewed_at = :renewed',
        ConditionExpression: IS_MINE,
        ExpressionAttributeNames: ttlName,
        ExpressionAttributeValues: {
          ':ttl': seconds(expiresAt),
          ':renewed': seconds(renewedAt),
          ':mine': text(lockId),
        },
      });
      return inTheWay === undefined;
    },
    release: async (name, lockId) => {
      await calls.deleteIf(keyOf(name), {
        ConditionExpression: IS_MINE,
        ExpressionAttributeValues: { ':mine': text(lockId) },
      });
    },
    close: calls.close,
  };
}

const HISTORY_MS = 7 * 24 * 3_600_000;
const MESSAGE_LETTERS = 500;
const CURRENT = 'current';

function encodeReading(reading: HealthReading): Item {
  const { lastSuccessAt, lastFailureAt, lastErrorMessage } = reading;
  return {
    status: text(reading.status),
    circuit_state: text(reading.circuitState),
    consecutive_failures: number(reading.consecutiveFailures),
    consecutive_successes: number(reading.consecutiveSuccesses),
    avg_response_time_ms: number(Math.round(reading.avgResponseTimeMs * 10) / 10),
    error_rate: number(Math.round(reading.errorRate * 10_000) / 10_000),
    ...(lastSuccessAt === undefined ? {} : { last_success_ts: instant(lastSuccessAt) }),
    ...(lastFailureAt === undefined ? {} : { last_failure_ts: instant(lastFailureAt) }),
    ...(lastErrorMessage === undefined ? {} : { last_error_message: text(lastErrorMessage.slice(0, MESSAGE_LETTERS)) }),
  };
}

const STATUSES: readonly HealthReading['status'][] = ['healthy', 'degraded', 'unhealthy'];
const CIRCUITS: readonly HealthReading['circuitState'][] = ['closed', 'half_open', 'open'];

function parseReading(item: Item): HealthReading | undefined {
  const status = STATUSES.find((known) => known === item.status?.S);
  const circuitState = CIRCUITS.find((known) => known === item.circuit_state?.S) ?? 'closed';
  if (status === undefined) return undefined;
  return {
    status,
    circuitState,
    consecutiveFailures: Number(item.consecutive_failures?.N ?? 0),
    consecutiveSuccesses: Number(item.consecutive_successes?.N ?? 0),
    avgResponseTimeMs: Number(item.avg_response_time_ms?.N ?? 0),
    errorRate: Number(item.error_rate?.N ?? 0),
    lastSuccessAt: msOf(item.last_success_ts),
    lastFailureAt: msOf(item.last_failure_ts),
    lastErrorMessage: item.last_error_message?.S,
  };
}

/** `SET a = :a, …` of an item's attributes, every name aliased: some of them are reserved words. */
function setAll(item: Item): Pick<Update, 'UpdateExpression' | 'ExpressionAttributeValues'> & {
  readonly ExpressionAttributeNames: Record<string, string>;
} {
  const names = Object.keys(item);
  return {
    UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}`,
    ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
    ExpressionAttributeValues: Object.fromEntries(names.map((name) => [`:${name}`, item[name]!])),
  };
}

/** The breaker's own state beside the health of the exchange, in the item `current`. */
function circuitStore(calls: Calls, Key: Item, createId: () => string): ReturnType<HealthTable['circuitStore']> {
  return {
    read: async () => {
      const { circuit, circuit_version } = (await calls.get(Key)) ?? {};
      if (circuit?.S === undefined || circuit_version?.S === undefined) return undefined;
      return { value: JSON.parse(circuit.S) as unknown, version: circuit_version.S };
    },
    write: async (value, version) => {
      const own = createId();
      const { phase } = value as { phase?: unknown };
      const { UpdateExpression, ExpressionAttributeNames, ExpressionAttributeValues } = setAll({
        circuit: text(JSON.stringify(value)),
        circuit_version: text(own),
        circuit_state: text(String(phase).replace('-', '_')),
      });
      const inTheWay = await calls.update({
        Key,
        UpdateExpression,
        ConditionExpression:
          version === undefined ? 'attribute_not_exists(#circuit_version)' : '#circuit_version = :before',
        ExpressionAttributeNames,
        ExpressionAttributeValues: {
          ...ExpressionAttributeValues,
          ...(version === undefined ? {} : { ':before': text(version) }),
        },
      });
      // Our own version in the way: an earlier try had landed.
      return inTheWay === undefined || inTheWay.circuit_version?.S === own ? { version: own } : 'conflict';
    },
  };
}

/** Health and breaker state of exchanges in a DynamoDB table: `exchange_name` and `timestamp`, `current` or an instant. */
export function createDynamoHealth(options: DynamoOptions): HealthTable & { readonly close: () => void } {
  const calls = createCalls(options, 'DYNAMODB_HEALTH_TABLE');
  const keyOf = (exchange: string, timestamp: string): Item => ({
    exchange_name: text(exchange),
    timestamp: text(timestamp),
  });
  return {
    read: async (exchange) => {
      const item = await calls.get(keyOf(exchange, CURRENT));
      return item && parseReading(item);
    },
    record: async (exchange, reading, now) => {
      const item = encodeReading(reading);
      // The breaker itself says how it is; a process without one must not contradict it.
      const { circuit_state: _circuit, ...current } = item;
      await calls.update({ Key: keyOf(exchange, CURRENT), ...setAll(current) });
      await calls.put({ ...keyOf(exchange, new Date(now).toISOString()), ...item, ttl: seconds(now + HISTORY_MS) });
    },
    circuitStore: (exchange) => circuitStore(calls, keyOf(exchange, CURRENT), options.createId),
    close: calls.close,
  };
}
