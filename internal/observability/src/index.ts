export { EMF_LIMITS, emfLines, PUT_LIMITS, planPuts } from './batches.js';
export { createFetchMeter, type FetchMeter } from './fetch-meter.js';
export { jsonLine, type LogLevel, type LogRecord, recordsOf } from './json-log.js';
export {
  ERROR_RATE_LIMIT,
  errorMetrics,
  isMetricName,
  type MetricDimensions,
  type MetricEmitter,
  type MetricName,
  type MetricSpec,
  type MetricUnit,
  metrics,
  NAMESPACE,
  PRODUCT,
  PRODUCTS_WITH_METRICS,
  SOURCE,
} from './metric-names.js';
export { createEmfSink, createPublisher, type MetricPublisher, type MetricSink } from './publisher.js';
export { createRecorder, type MetricDatum, type MetricRecorder, type MetricSubject } from './recorder.js';
