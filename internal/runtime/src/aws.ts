import { randomUUID } from 'node:crypto';
import type { LeaseStore } from '@schemahub/coordination';
import type { HealthTable } from '@schemahub/coordination/dynamodb';
import type { Clock } from '@schemahub/core';
import { createVerifiedStore, type ObjectStore } from '@schemahub/object-store';
import type { Config } from './config.js';
import { quietAwsSdk } from './environment.js';
import { UsageError } from './errors.js';
import type { LakePlace } from './lake-place.js';
import { countDynamo, countS3, type Traffic } from './traffic.js';

/** Where a service of AWS is, and who asks. */
export interface AwsPlace {
  readonly region: string;
  /** Another place than AWS: a stand-in, MinIO. */
  readonly endpoint: string | undefined;
  /** Keys given by hand; undefined: the SDK looks for a profile or a role. */
  readonly credentials:
    | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string | undefined }
    | undefined;
}

/** A service with an address of its own in the settings, as the SDKs name them: AWS_ENDPOINT_URL_S3. */
export type AwsService = 's3' | 'dynamodb';

export function awsPlaceOf(config: Config, service?: AwsService): AwsPlace {
  const accessKeyId = config.optionalText('aws-access-key-id');
  const secretAccessKey = config.optionalText('aws-secret-access-key');
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
    throw new UsageError('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: expected both of them, or none; got one.');
  return {
    region: config.text('aws-region'),
    endpoint: (service && config.optionalText(`aws-endpoint-${service}`)) ?? config.optionalText('aws-endpoint'),
    credentials:
      accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : { accessKeyId, secretAccessKey, sessionToken: config.optionalText('aws-session-token') },
  };
}

/** Loads a driver whose SDK is an optional peer: a laptop installs none of it. */
export async function loadAws<T>(what: string, packageName: string, load: () => Promise<T>): Promise<T> {
  quietAwsSdk();
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    if (code !== 'ERR_MODULE_NOT_FOUND' || !message?.includes('@aws-sdk/')) throw error;
    throw new UsageError(
      `${what} needs ${packageName}, which is not installed. Install it where schemahub is installed: npm install ${packageName}`,
      { cause: error },
    );
  }
}

/** Prefixes that the user gives from the bucket's root: below the lake they are shortened, elsewhere they are kept. */
export function prefixInLake(
  place: Extract<LakePlace, { kind: 's3' }>,
  prefix: string | undefined,
): { readonly key: string | undefined; readonly fromRoot: readonly string[] } {
  const trimmed = prefix?.replace(/^\/+|\/+$/g, '');
  if (trimmed === undefined || trimmed === '' || place.prefix === '') return { key: prefix, fromRoot: [] };
  if (trimmed.startsWith(`${place.prefix}/`)) return { key: trimmed.slice(place.prefix.length + 1), fromRoot: [] };
  return { key: trimmed, fromRoot: [trimmed] };
}

export async function openS3(options: {
  readonly place: Extract<LakePlace, { kind: 's3' }>;
  readonly config: Config;
  readonly clock: Clock;
  readonly fromRoot: readonly string[];
  readonly traffic: Traffic;
}): Promise<ObjectStore> {
  const { place, config, clock, fromRoot, traffic } = options;
  const { createS3Store } = await loadAws(
    `A lake on s3://${place.bucket}`,
    '@aws-sdk/client-s3',
    () => import('@schemahub/object-store/s3'),
  );
  const aws = awsPlaceOf(config, 's3');
  const store = createS3Store({
    ...aws,
    bucket: place.bucket,
    prefix: place.prefix,
    fromRoot,
    pathStyle: config.flag('s3-path-style') ? true : undefined,
    checksums: config.text('s3-checksums') as 'when-supported' | 'when-required',
    sleep: (ms) => clock.sleep(ms),
    random: Math.random,
    createId: randomUUID,
    onRequest: (facts) => countS3(traffic, facts),
  });
  // AWS keeps the conditions of writes; what only speaks its language is asked first.
  return aws.endpoint === undefined
    ? store
    : createVerifiedStore(store, { marker: 'locks/store.json', probe: 'locks/store-probe' });
}

const loadDynamo = (what: string): Promise<typeof import('@schemahub/coordination/dynamodb')> =>
  loadAws(what, '@aws-sdk/client-dynamodb', () => import('@schemahub/coordination/dynamodb'));

/** Leases in the table of `DYNAMODB_LOCKS_TABLE`; undefined without one. */
export async function openLeaseTable(config: Config, traffic: Traffic): Promise<LeaseStore | undefined> {
  const table = config.optionalText('locks-table');
  if (table === undefined) return undefined;
  const { createDynamoLeases } = await loadDynamo('DYNAMODB_LOCKS_TABLE');
  const onRequest = (operation: string): void => countDynamo(traffic, operation);
  return createDynamoLeases({ ...awsPlaceOf(config, 'dynamodb'), table, createId: randomUUID, onRequest });
}

/** Health of exchanges in the table of `DYNAMODB_HEALTH_TABLE`; undefined without one, or when it is switched off. */
export async function openHealthTable(config: Config, traffic: Traffic): Promise<HealthTable | undefined> {
  const table = config.optionalText('health-table');
  if (table === undefined || !config.flag('health-check')) return undefined;
  const { createDynamoHealth } = await loadDynamo('DYNAMODB_HEALTH_TABLE');
  const onRequest = (operation: string): void => countDynamo(traffic, operation);
  return createDynamoHealth({ ...awsPlaceOf(config, 'dynamodb'), table, createId: randomUUID, onRequest });
}
