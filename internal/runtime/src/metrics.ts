import { createEmfSink, type MetricSink } from '@schemahub/observability';
import { awsPlaceOf, loadAws } from './aws.js';
import type { Config } from './config.js';

/** Where metrics go as the settings say; undefined: nowhere. `write` takes lines of the log. */
export async function openMetricSink(config: Config, write: (line: string) => void): Promise<MetricSink | undefined> {
  const where = config.text('metrics');
  if (where === 'none') return undefined;
  if (where === 'emf') return createEmfSink(write);
  const { createCloudWatchSink } = await loadAws(
    '--metrics cloudwatch',
    '@aws-sdk/client-cloudwatch',
    () => import('@schemahub/observability/cloudwatch'),
  );
  return createCloudWatchSink(awsPlaceOf(config));
}
