import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { type MetricName, metrics, NAMESPACE, PRODUCT, SOURCE } from '@schemahub/observability';

/** Source of the numbers about the whole table. */
export const WHOLE_TABLE = 'all';

/** One number; without a product it is about the whole table. */
export interface TableMetric {
  readonly name: MetricName;
  readonly value: number;
  readonly product?: { readonly exchange: string; readonly id: string } | undefined;
}

const datumOf = ({ name, value, product }: TableMetric, at: Date) => ({
  MetricName: name,
  Value: value,
  Unit: metrics[name].unit,
  Timestamp: at,
  Dimensions:
    product === undefined
      ? [{ Name: SOURCE, Value: WHOLE_TABLE }]
      : [
          { Name: SOURCE, Value: product.exchange },
          { Name: PRODUCT, Value: product.id },
        ],
});

/** Publishes the numbers of one judgement in one request: they are some thirty, CloudWatch takes 1,000. */
export function createTableMetrics(options: {
  readonly region: string;
  readonly endpoint: string | undefined;
  readonly now: () => number;
}): (values: readonly TableMetric[]) => Promise<void> {
  const { region, endpoint, now } = options;
  const client = new CloudWatchClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    disableRequestCompression: true,
  });
  return async (values) => {
    const at = new Date(now());
    const MetricData = values.map((value) => datumOf(value, at));
    await client.send(new PutMetricDataCommand({ Namespace: NAMESPACE, MetricData }));
  };
}
