import { type MetricName, metrics, PRODUCT, SOURCE } from '@schemahub/observability';
import { createCloudWatchSink } from '@schemahub/observability/cloudwatch';

/** Source of the numbers about the whole table. */
export const WHOLE_TABLE = 'all';

/** One number; without a product it is about the whole table. */
export interface TableMetric {
  readonly name: MetricName;
  readonly value: number;
  readonly product?: { readonly exchange: string; readonly id: string } | undefined;
}

/** Publishes the numbers of one judgement in one request: they are some thirty, CloudWatch takes 1,000. */
export function createTableMetrics(options: {
  readonly region: string;
  readonly endpoint: string | undefined;
  readonly now: () => number;
}): (values: readonly TableMetric[]) => Promise<void> {
  const sink = createCloudWatchSink(options);
  return async (values) => {
    const data = values.map(({ name, value, product }) => ({
      name,
      unit: metrics[name].unit,
      dimensions:
        product === undefined ? { [SOURCE]: WHOLE_TABLE } : { [SOURCE]: product.exchange, [PRODUCT]: product.id },
      values: [value],
      counts: [1],
    }));
    await sink(data, options.now());
  };
}
