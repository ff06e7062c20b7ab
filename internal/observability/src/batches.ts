import { NAMESPACE } from './metric-names.js';
import type { MetricDatum } from './recorder.js';

/** Limits of PutMetricData [AWS: CloudWatch API reference, November 2026]: 1000 metrics, 1 MB, 150 values a metric. */
export const PUT_LIMITS: {
  readonly metrics: number;
  readonly bytes: number;
  readonly values: number;
} = { metrics: 1000, bytes: 1_000_000, values: 150 };
/** Limits of an EMF line [AWS: Embedded metric format specification]: 100 metrics, 100 values of one. */
export const EMF_LIMITS: { readonly metrics: number; readonly values: number } = { metrics: 100, values: 100 };

/** A metric with more distinct values than one datum holds becomes several. */
function split(data: readonly MetricDatum[], mostValues: number): MetricDatum[] {
  return data.flatMap((datum) => {
    const parts: MetricDatum[] = [];
    for (let at = 0; at < datum.values.length; at += mostValues)
      parts.push({
        ...datum,
        values: datum.values.slice(at, at + mostValues),
        counts: datum.counts.slice(at, at + mostValues),
      });
    return parts;
  });
}

/** What a datum takes in a request, rather too much. */
function sizeOf(datum: MetricDatum): number {
  return 500 + 80 * datum.values.length + JSON.stringify(datum.dimensions).length * 2;
}

/** Requests of PutMetricData, each within its limits. */
export function planPuts(data: readonly MetricDatum[]): readonly (readonly MetricDatum[])[] {
  const batches: MetricDatum[][] = [];
  let bytes = 0;
  for (const datum of split(data, PUT_LIMITS.values)) {
    const size = sizeOf(datum);
    const last = batches.at(-1);
    if (last === undefined || last.length === PUT_LIMITS.metrics || bytes + size > PUT_LIMITS.bytes) {
      batches.push([datum]);
      bytes = size;
    } else {
      last.push(datum);
      bytes += size;
    }
  }
  return batches;
}

/**
 * Lines in CloudWatch's embedded metric format: metrics that cost no request, taken from the log.
 * `now`: ms since 1970.
 */
export function emfLines(data: readonly MetricDatum[], now: number): readonly string[] {
  const groups = new Map<string, MetricDatum[]>();
  for (const datum of split(data, EMF_LIMITS.values)) {
    const key = JSON.stringify(datum.dimensions);
    // A line tells a metric once: a second part of it begins another line.
    for (let part = 0; ; part++) {
      const group = groups.get(`${part} ${key}`) ?? [];
      groups.set(`${part} ${key}`, group);
      if (group.length === EMF_LIMITS.metrics || group.some(({ name }) => name === datum.name)) continue;
      group.push(datum);
      break;
    }
  }
  return [...groups.values()].map((group) => {
    const { dimensions } = group[0]!;
    const values = group.map(({ name, values, counts }) => [
      name,
      values.length === 1 && counts[0] === 1 ? values[0] : { Values: values, Counts: counts },
    ]);
    return JSON.stringify({
      _aws: {
        Timestamp: now,
        CloudWatchMetrics: [
          {
            Namespace: NAMESPACE,
            Dimensions: [Object.keys(dimensions)],
            Metrics: group.map(({ name, unit }) => ({ Name: name, Unit: unit })),
          },
        ],
      },
      ...dimensions,
      ...Object.fromEntries(values),
    });
  });
}
