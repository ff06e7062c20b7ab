import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLayout, type Layout } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import { createS3Store } from '@schemahub/object-store/s3';
import type { QueryEngine } from '@schemahub/query';
import { createAthenaPort, openAthena } from '@schemahub/query/athena';
import { processEnvironment } from './environment.js';
import { UsageError } from './errors.js';
import type { TableMetric } from './quality-metrics.js';
import { createTopic } from './sns.js';
import { createTableMetrics } from './table-metrics.js';

/** Everything that the data-quality function works with. */
export interface OpenDataQuality {
  readonly engine: QueryEngine;
  readonly store: ObjectStore;
  readonly layout: Layout;
  readonly now: () => number;
  readonly staleMinutes: number;
  readonly publish: (metrics: readonly TableMetric[]) => Promise<void>;
  readonly tell: (message: { readonly subject: string; readonly text: string }) => Promise<void>;
}

/** Prefix of a lake in its bucket, as `--s3-bucket` means it. */
const LAKE_PREFIX = 'schemahub';

/** Variables that `infra/terraform` gives the function; without a topic nobody is told. Throws `UsageError`. */
export function openDataQuality(): OpenDataQuality {
  const environment = processEnvironment();
  const required = (name: string): string => {
    const value = environment[name];
    if (value === undefined || value === '') throw new UsageError(`${name}: expected a value, got nothing.`);
    return value;
  };
  const bucket = required('S3_BUCKET');
  const region = environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION ?? 'us-east-1';
  const endpoint = environment.AWS_ENDPOINT_URL || undefined;
  const staleMinutes = Number(environment.SCHEMAHUB_STALE_MINUTES ?? 360);
  if (!(staleMinutes > 0)) throw new UsageError('SCHEMAHUB_STALE_MINUTES: expected a number of minutes above 0.');
  const topicArn = environment.SNS_TOPIC_ARN || undefined;
  const wait = (ms: number, signal?: AbortSignal): Promise<void> => sleep(ms, undefined, { signal });
  return {
    engine: openAthena({
      athena: createAthenaPort({ region, endpoint }),
      database: environment.ATHENA_DATABASE || 'schemahub',
      workgroup: environment.ATHENA_WORKGROUP || 'primary',
      sleep: wait,
      createToken: randomUUID,
    }),
    store: createS3Store({
      bucket,
      prefix: LAKE_PREFIX,
      region,
      endpoint,
      sleep: wait,
      random: Math.random,
      createId: randomUUID,
    }),
    layout: createLayout(),
    now: Date.now,
    staleMinutes,
    publish: createTableMetrics({ region, endpoint, now: Date.now }),
    tell: topicArn === undefined ? async () => undefined : createTopic({ topicArn, region, endpoint }),
  };
}
