import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { createS3Store } from '@schemahub/object-store/s3';
import { expect, it } from 'vitest';
import { loadConfig } from './config.js';
import { faceStatus, publish, publishedFiles } from './iceberg.js';
import { createTestLake, pathsOf } from './iceberg-test-lake.js';

const endpoint = process.env.MOTO_URL ?? '';
const bucket = 'iceberg-lake';
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
process.env.AWS_ACCESS_KEY_ID ??= credentials.accessKeyId;
process.env.AWS_SECRET_ACCESS_KEY ??= credentials.secretAccessKey;
await fetch(`${endpoint}/${bucket}`, { method: 'PUT' });

/** One call of Glue's JSON protocol, as another engine would make it. */
async function glue(action: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'x-amz-target': `AWSGlue.${action}`,
      'content-type': 'application/x-amz-json-1.1',
      authorization:
        'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/glue/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Record<string, unknown>;
}

it('a lake on S3 is published in Glue by two publishers at once; what another engine does there is refused', async () => {
  const database = `db_${randomUUID().replaceAll('-', '')}`;
  await glue('CreateDatabase', { DatabaseInput: { Name: database } });
  const prefix = randomUUID();
  const store = createS3Store({
    bucket,
    prefix,
    region: 'us-east-1',
    endpoint,
    credentials,
    sleep: (ms) => wait(ms),
    random: Math.random,
    createId: randomUUID,
  });
  const test = await createTestLake(store);
  const flags = { iceberg: 'glue', 'athena-database': database, 'aws-endpoint': endpoint };
  const options = { lake: test.lake, config: await loadConfig({ flags, environment: {}, folder: '/nowhere' }) };
  await test.commit({ add: { 'BTC-USD': [1, 10] } });
  await Promise.all([publish(options), publish(options)]);
  await test.commit({ add: { 'BTC-USD': [11, 20], 'ETH-USD': [1, 5] } });
  await Promise.all([publish(options), publish(options)]);
  const status = await faceStatus(options);
  expect(status).toMatchObject({ state: 'current', commit: 2, location: `s3://${bucket}/${prefix}/unified_trades` });
  expect(status.snapshots.map(({ commit }) => commit)).toEqual([2, 1]);
  expect((await publishedFiles(options))!.files.map(({ key }) => key).sort()).toEqual(pathsOf(await test.head()));
  const name = { DatabaseName: database, Name: 'trades_unified' };
  const { Table } = (await glue('GetTable', name)) as { Table: { Parameters: Record<string, string> } };
  expect(Table.Parameters.metadata_location).toBe(status.metadata);
  // Another engine commits through Glue: its own metadata file, without the snapshot that we published last.
  const foreign = (await store.get('unified_trades/metadata/v2.metadata.json'))!.bytes;
  const text = Buffer.from(foreign).toString().replaceAll('"schemahub.commit"', '"other.commit"');
  await store.putIfAbsent('unified_trades/metadata/00004-77.metadata.json', Buffer.from(text));
  const location = `s3://${bucket}/${prefix}/unified_trades/metadata/00004-77.metadata.json`;
  await glue('UpdateTable', {
    DatabaseName: database,
    TableInput: { Name: 'trades_unified', Parameters: { table_type: 'ICEBERG', metadata_location: location } },
  });
  await expect(publish(options)).rejects.toThrow('schemahub iceberg publish --replace');
  expect((await faceStatus(options)).state).toBe('foreign');
  expect(await publish({ ...options, replace: true })).toMatchObject({ published: [2], commit: 2 });
  const healed = await faceStatus(options);
  expect(healed.state).toBe('current');
  const after = (await glue('GetTable', name)) as { Table: { Parameters: Record<string, string> } };
  expect(after.Table.Parameters.metadata_location).toBe(healed.metadata);
});
