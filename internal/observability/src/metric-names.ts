/** CloudWatch's units, as far as they are used here. */
export type MetricUnit = 'Count' | 'Milliseconds' | 'Seconds' | 'Percent' | 'Bytes' | 'Count/Second' | 'None';

/** `Source` alone, or `Source` and `Product` for the largest products. Each name × dimension value is billed. */
export type MetricDimensions = readonly ['Source'] | readonly ['Source', 'Product'];

/** Who says it: a fetching run, a transform, any job, or the data-quality checks (CLI and Lambda). */
export type MetricEmitter = 'fetch' | 'table' | 'job' | 'quality';

export interface MetricSpec {
  readonly unit: MetricUnit;
  readonly emitter: MetricEmitter;
  /** With the product as a further dimension for the largest `PRODUCTS_WITH_METRICS`. */
  readonly byProduct?: true;
  /** The statistic that a dashboard or alarm asks for: sums of events, the last word of a state, a distribution. */
  readonly statistic: 'Sum' | 'Maximum' | 'Minimum' | 'Average';
  readonly meaning: string;
}

export const NAMESPACE = 'SchemaHub';
export const SOURCE = 'Source';
export const PRODUCT = 'Product';
/** Products with metrics of their own: the largest ones; the others are in the sums of their source. */
export const PRODUCTS_WITH_METRICS = 20;

const spec = (
  emitter: MetricEmitter,
  unit: MetricUnit,
  statistic: MetricSpec['statistic'],
  meaning: string,
): MetricSpec => ({ emitter, unit, statistic, meaning });
const byProduct = (metric: MetricSpec): MetricSpec => ({ ...metric, byProduct: true });

export type MetricName =
  | 'IngestCount'
  | 'ProductsProcessed'
  | 'ActiveProducts'
  | 'DataAgeMinutes'
  | 'RateLimitErrors'
  | 'ServerErrors'
  | 'TimeoutErrors'
  | 'ConnectionErrors'
  | 'APISuccessCount'
  | 'CircuitBreakerOpens'
  | 'CircuitBreakerState'
  | 'ExchangeHealthy'
  | 'ExchangeResponseTime'
  | 'ResponseTimeP95'
  | 'ExchangeErrorRate'
  | 'TradesPerSecond'
  | 'TransformRecords'
  | 'CommitSeconds'
  | 'JobRuns'
  | 'JobFailures'
  | 'JobDurationSeconds'
  | 'OverallHealthScore'
  | 'DuplicateTrades'
  | 'MissingTrades'
  | 'VoidTrades'
  | 'DataCompleteness'
  | 'StaleProducts'
  | 'TotalRecords'
  | 'DailyRecords'
  | 'DailyGrowth'
  | 'HistoryYears'
  | 'ParquetBytes';

/** Every metric there is. Dashboards, alarms and the Lambda take their names from here; a test compares them. */
export const metrics: Readonly<Record<MetricName, MetricSpec>> = {
  IngestCount: byProduct(spec('fetch', 'Count', 'Sum', 'new trades landed in raw objects')),
  ProductsProcessed: spec('fetch', 'Count', 'Sum', 'products that a run has finished'),
  ActiveProducts: spec('fetch', 'Count', 'Maximum', 'products of a run that the exchange serves'),
  DataAgeMinutes: byProduct(spec('fetch', 'None', 'Maximum', 'minutes since the newest trade held')),
  RateLimitErrors: spec('fetch', 'Count', 'Sum', 'answers 429'),
  ServerErrors: spec('fetch', 'Count', 'Sum', 'answers 5xx, and bodies that are no answer'),
  TimeoutErrors: spec('fetch', 'Count', 'Sum', 'requests that got no answer in time'),
  ConnectionErrors: spec('fetch', 'Count', 'Sum', 'connections refused or reset'),
  APISuccessCount: spec('fetch', 'Count', 'Sum', 'requests answered well'),
  CircuitBreakerOpens: spec('fetch', 'Count', 'Sum', 'circuits opened by this run'),
  CircuitBreakerState: spec('fetch', 'None', 'Maximum', '0 closed, 0.5 half-open, 1 open'),
  ExchangeHealthy: spec('fetch', 'None', 'Minimum', '1 while the circuit is closed and errors are below 3 %'),
  ExchangeResponseTime: spec('fetch', 'Milliseconds', 'Average', 'time to a good answer'),
  ResponseTimeP95: spec('fetch', 'Milliseconds', 'Maximum', '95th percentile of a run’s response times'),
  ExchangeErrorRate: spec('fetch', 'None', 'Maximum', 'share of failures among the last 100 requests'),
  TradesPerSecond: spec('fetch', 'Count/Second', 'Average', 'trades fetched a second, over a run'),
  TransformRecords: spec('table', 'Count', 'Sum', 'rows added to the table'),
  CommitSeconds: spec('table', 'Seconds', 'Maximum', 'time from a transform’s begin to its commit'),
  JobRuns: spec('job', 'Count', 'Sum', 'commands begun'),
  JobFailures: spec('job', 'Count', 'Sum', 'commands that ended with 1, 2 or 4'),
  JobDurationSeconds: spec('job', 'Seconds', 'Maximum', 'how long a command took'),
  OverallHealthScore: spec('quality', 'None', 'Minimum', 'health score 0 to 100'),
  DuplicateTrades: spec('quality', 'Count', 'Maximum', 'rows whose key stands twice in the table'),
  MissingTrades: byProduct(spec('quality', 'Count', 'Maximum', 'wanted ids that are nowhere')),
  VoidTrades: spec('quality', 'Count', 'Maximum', 'ids proven never to have existed'),
  DataCompleteness: spec('quality', 'Percent', 'Minimum', 'wanted ids in the table, of those that exist'),
  StaleProducts: spec('quality', 'Count', 'Maximum', 'active products without a trade for too long'),
  TotalRecords: spec('quality', 'Count', 'Maximum', 'rows of the table'),
  DailyRecords: spec('quality', 'Count', 'Maximum', 'rows that traded in the last 24 hours'),
  DailyGrowth: spec('quality', 'Count', 'Maximum', 'rows added in the last 24 hours'),
  HistoryYears: spec('quality', 'None', 'Maximum', 'years from the first to the last trade'),
  ParquetBytes: spec('quality', 'Bytes', 'Maximum', 'bytes of the table’s live files'),
};

/** The parts of an error rate (SPEC 8): errors ÷ (good answers + errors); an alarm stands at `ERROR_RATE_LIMIT`. */
export const errorMetrics: readonly MetricName[] = [
  'RateLimitErrors',
  'ServerErrors',
  'TimeoutErrors',
  'ConnectionErrors',
];
export const ERROR_RATE_LIMIT = 0.03;

export function isMetricName(text: string): text is MetricName {
  return Object.hasOwn(metrics, text);
}
