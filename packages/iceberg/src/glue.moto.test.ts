import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { CreateDatabaseCommand, GetTableCommand, GlueClient } from '@aws-sdk/client-glue';
import type { ObjectStore } from '@schemahub/object-store';
import { createS3Store } from '@schemahub/object-store/s3';
import { describe, expect, it } from 'vitest';
import type { Catalog } from './catalog.js';
import { createAwsGlueApi, createAwsGlueCatalog } from './glue.js';
import { currentSnapshot } from './metadata.js';
import { type IcebergTable, openIcebergTable } from './table.js';
import { change, committed, dataFile, namesOf, newTrades, T0 } from './test-support.js';
import { catalogConformance } from './testing/index.js';

const endpoint = process.env.MOTO_URL ?? '';
const bucket = 'iceberg-suite';
const region = 'us-east-1';
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
// moto answers what it lacks with 500, which default retries would turn into a hang.
const client = new GlueClient({ region, endpoint, credentials, maxAttempts: 2 });
await fetch(`${endpoint}/${bucket}`, { method: 'PUT' });
await client.send(new CreateDatabaseCommand({ DatabaseInput: { Name: 'schemahub' } }));

interface Place {
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  readonly location: string;
  readonly table: string;
}

function open(prefix: string): Place {
  const store = createS3Store({
    bucket,
    prefix,
    region,
    endpoint,
    credentials,
    sleep: (ms) => wait(ms),
    random: Math.random,
    createId: randomUUID,
  });
  const location = `s3://${bucket}/${prefix}/t`;
  const table = `t_${prefix.replaceAll('-', '_')}`;
  const catalog = createAwsGlueCatalog({ store, prefix: 't', location, client, database: 'schemahub', table });
  return { store, catalog, location, table };
}

describe('Glue catalog on S3, by moto', () => {
  for (const { name } of catalogConformance({ open: async () => [] as never, location: '' })) {
    it(name, async () => {
      const prefix = randomUUID();
      const places = [open(prefix), open(prefix)] as const;
      const cases = catalogConformance({
        open: async () => [places[0].catalog, places[1].catalog],
        location: places[0].location,
      });
      await cases.find((found) => found.name === name)!.run();
    });
  }

  it('refuses a stale version of the table', async () => {
    const { table } = open(randomUUID());
    const api = createAwsGlueApi({ client, database: 'schemahub', table });
    const input = {
      location: 's3://b/t',
      columns: [],
      parameters: { table_type: 'ICEBERG', metadata_location: 's3://b/1' },
    };
    expect(await api.createTable(input)).toBe('created');
    expect(await api.createTable(input)).toBe('exists');
    const base = (await api.getTable())!;
    expect(await api.updateTable(input, base)).toBe('updated');
    expect(await api.updateTable(input, base)).toBe('conflict');
  });

  it('two publishers side by side: each state once, Glue names the last, Athena sees the columns', async () => {
    const prefix = randomUUID();
    const states = 6;
    /** Brings the table to the last state, whoever else does the same. */
    const publish = async (): Promise<IcebergTable> => {
      const { store, catalog } = open(prefix);
      const table = openIcebergTable({ store, prefix: 't', catalog });
      for (;;) {
        const entry = (await table.load()) ?? (await table.create(newTrades));
        if (entry === 'conflict') continue;
        const state = Number(currentSnapshot(entry.metadata)?.summary.state ?? 0);
        await catalog.sync(entry);
        if (state === states) return table;
        await table.commit(
          entry,
          change([dataFile(`f${state + 1}`)], state === 0 ? [] : [dataFile(`f${state}`)], {
            summary: { state: String(state + 1) },
            timestampMs: T0 + state,
          }),
        );
      }
    };
    const [table] = await Promise.all([publish(), publish(), publish()]);
    const entry = committed((await table.load())!);
    expect(entry.metadata.snapshots.map(({ summary }) => Number(summary.state))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await namesOf(table, entry)).toEqual(['f6']);
    const { Table } = await client.send(new GetTableCommand({ DatabaseName: 'schemahub', Name: open(prefix).table }));
    expect(Table?.Parameters).toMatchObject({ table_type: 'ICEBERG', metadata_location: entry.metadataLocation });
    expect(Table?.TableType).toBe('EXTERNAL_TABLE');
    expect(Table?.StorageDescriptor?.Location).toBe(table.location);
    expect(Table?.StorageDescriptor?.Columns?.map(({ Name, Type }) => [Name, Type])).toEqual([
      ['symbol', 'string'],
      ['id', 'bigint'],
      ['price', 'double'],
      ['ts', 'timestamp'],
    ]);
  });
});
