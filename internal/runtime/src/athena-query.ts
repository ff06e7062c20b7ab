import { randomUUID } from 'node:crypto';
import { systemClock } from '@schemahub/connector-kit/clock';
import type { Clock } from '@schemahub/core';
import type { QueryEngine } from '@schemahub/query';
import { awsPlaceOf, loadAws } from './aws.js';
import type { Config } from './config.js';

/** Athena on the published table; loaded by the one command that asks for it. */
export async function openAthenaQuery(options: {
  readonly config: Config;
  readonly clock?: Clock | undefined;
}): Promise<QueryEngine> {
  const { config, clock = systemClock } = options;
  const { createAthenaPort, openAthena } = await loadAws(
    '--engine athena',
    '@aws-sdk/client-athena',
    () => import('@schemahub/query/athena'),
  );
  return openAthena({
    athena: createAthenaPort(awsPlaceOf(config)),
    database: config.text('athena-database'),
    workgroup: config.text('athena-workgroup'),
    sleep: clock.sleep,
    createToken: randomUUID,
  });
}
