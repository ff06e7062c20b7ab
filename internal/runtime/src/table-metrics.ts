import { metrics, PRODUCT, SOURCE } from '@schemahub/observability';
import { createCloudWatchSink } from '@schemahub/observability/cloudwatch';
import { type TableMetric, WHOLE_TABLE } from './quality-metrics.js';

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
