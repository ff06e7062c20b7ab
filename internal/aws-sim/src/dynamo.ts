import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';

/** The two tables of SPEC §8. */
export interface TableNames {
  readonly locks: string;
  readonly health: string;
}

export interface DynamoSim {
  readonly endpoint: string;
  readonly close: () => Promise<void>;
}

async function call(endpoint: string, operation: string, body: object): Promise<unknown> {
  const credential = 'Credential=SIMULATED/20260101/us-east-1/dynamodb/aws4_request';
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
      'x-amz-date': '20260101T000000Z',
      // Neither dynalite nor moto verify it, but both want to see one.
      authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host;x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`,
    },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${operation} at ${endpoint}: ${answer.status} ${await answer.text()}`);
  return await answer.json();
}

/** Makes the tables at dynalite or moto, as Terraform makes them on AWS. */
export async function createTables(endpoint: string, { locks, health }: TableNames): Promise<void> {
  const table = (TableName: string, hash: string, range?: string): Promise<unknown> => {
    const keys = [{ AttributeName: hash, KeyType: 'HASH' }];
    if (range !== undefined) keys.push({ AttributeName: range, KeyType: 'RANGE' });
    return call(endpoint, 'CreateTable', {
      TableName,
      KeySchema: keys,
      AttributeDefinitions: keys.map(({ AttributeName }) => ({ AttributeName, AttributeType: 'S' })),
      BillingMode: 'PAY_PER_REQUEST',
    });
  };
  await table(locks, 'lock_name');
  await table(health, 'exchange_name', 'timestamp');
}

/** An item as DynamoDB sends it: each attribute under the letter of its type. */
export type DynamoItem = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Every item of a small table. */
export async function scanTable(endpoint: string, table: string): Promise<readonly DynamoItem[]> {
  const { Items } = (await call(endpoint, 'Scan', { TableName: table })) as { readonly Items: readonly DynamoItem[] };
  return Items;
}

/** Puts an item as it is, whatever a driver would make of it. */
export async function putItem(endpoint: string, table: string, item: DynamoItem): Promise<void> {
  await call(endpoint, 'PutItem', { TableName: table, Item: item });
}

/** dynalite on 127.0.0.1: DynamoDB in memory, its conditional writes atomic. */
export async function startDynamoSim(tables: TableNames): Promise<DynamoSim> {
  // It has no types and is CommonJS.
  const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server;
  const server = dynalite({ createTableMs: 0 });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', () => listening()));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await createTables(endpoint, tables);
  return {
    endpoint,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections?.();
      }),
  };
}
