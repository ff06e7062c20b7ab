import { randomUUID } from 'node:crypto';
import { systemClock } from '@schemahub/connector-kit';
import type { Clock } from '@schemahub/core';
import type { QueryEngine } from '@schemahub/query';
import { createAthenaPort, openAthena } from '@schemahub/query/athena';
import type { Config } from './config.js';

/** Athena on the published table; loaded by the one command that asks for it. */
export function openAthenaQuery(options: { readonly config: Config; readonly clock?: Clock | undefined }): QueryEngine {
  const { config, clock = systemClock } = options;
  return openAthena({
    athena: createAthenaPort({ region: config.text('aws-region'), endpoint: config.optionalText('aws-endpoint') }),
    database: config.text('athena-database'),
    workgroup: config.text('athena-workgroup'),
    sleep: clock.sleep,
    createToken: randomUUID,
  });
}
