import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { NAMESPACE } from './metric-names.js';
import type { MetricSink } from './publisher.js';

/** Sends metrics to CloudWatch, one request for each batch. */
export function createCloudWatchSink(options: {
  readonly region: string;
  readonly endpoint?: string | undefined;
  readonly credentials?:
    | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string | undefined }
    | undefined;
}): MetricSink {
  const { region, endpoint, credentials } = options;
  const client = new CloudWatchClient({
    region,
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
    // Small enough as it is, and not every stand-in understands a compressed body.
    disableRequestCompression: true,
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 2000, requestTimeout: 5000, throwOnRequestTimeout: true },
  });
  return async (data, now) => {
    await client.send(
      new PutMetricDataCommand({
        Namespace: NAMESPACE,
        MetricData: data.map(({ name, unit, dimensions, values, counts }) => ({
          MetricName: name,
          Unit: unit,
          Timestamp: new Date(now),
          Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
          Values: [...values],
          Counts: [...counts],
        })),
      }),
    );
  };
}
