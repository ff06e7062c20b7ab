import type { CircuitEvent } from '@schemahub/circuit-breaker';
import type { HealthReading } from '@schemahub/coordination';
import type { IngestEvent } from '@schemahub/ingest';
import { ERROR_RATE_LIMIT, type MetricName } from './metric-names.js';
import type { MetricRecorder } from './recorder.js';

/** Turns what a fetching run tells into metrics, and into the health of its exchange. */
export interface FetchMeter {
  readonly onEvent: (event: IngestEvent) => void;
  readonly onCircuit: (event: CircuitEvent) => void;
  /** At the end of a run: what only the whole can say. `newest`: time of each product's newest trade, RFC 3339. */
  readonly end: (facts: { readonly newest: ReadonlyMap<string, string>; readonly activeProducts: number }) => void;
  readonly health: () => HealthReading;
}

const ERRORS: Readonly<Record<string, MetricName>> = {
  rate: 'RateLimitErrors',
  server: 'ServerErrors',
  body: 'ServerErrors',
  timeout: 'TimeoutErrors',
  connection: 'ConnectionErrors',
};
const STATES = { opened: 1, 'half-open': 0.5, closed: 0 } as const;
const CIRCUITS = { opened: 'open', 'half-open': 'half_open', closed: 'closed' } as const;
/** Requests that the error rate looks back on (SPEC 7). */
const LOOK_BACK = 100;

export function createFetchMeter(options: {
  readonly recorder: MetricRecorder;
  readonly source: string;
  readonly now: () => number;
}): FetchMeter {
  const { recorder, source, now } = options;
  const subject = { source };
  const begun = now();
  const latencies: number[] = [];
  let recent: boolean[] = [];
  let trades = 0;
  let circuit: HealthReading['circuitState'] = 'closed';
  let failures = 0;
  let successes = 0;
  let lastSuccessAt: number | undefined;
  let lastFailureAt: number | undefined;
  let lastErrorMessage: string | undefined;
  const seen = (isGood: boolean): void => {
    recent = [...recent.slice(-(LOOK_BACK - 1)), isGood];
  };
  const errorRate = (): number => (recent.length === 0 ? 0 : recent.filter((isGood) => !isGood).length / recent.length);

  const succeeded = (event: Extract<IngestEvent, { type: 'request-succeeded' }>): void => {
    seen(true);
    successes++;
    failures = 0;
    lastSuccessAt = now();
    trades += event.trades;
    latencies.push(event.seconds * 1000);
    recorder.add('APISuccessCount', 1, subject);
    recorder.sample('ExchangeResponseTime', event.seconds * 1000, subject);
  };
  const failed = ({ error }: Extract<IngestEvent, { type: 'request-failed' }>): void => {
    const name = ERRORS[error.kind === 'transient' ? (error.transient ?? 'server') : error.kind];
    if (name === undefined) return; // an unknown product says nothing about the exchange
    seen(false);
    failures++;
    successes = 0;
    lastFailureAt = now();
    lastErrorMessage = error.message;
    recorder.add(name, 1, subject);
  };

  return {
    onEvent: (event) => {
      if (event.type === 'request-succeeded') succeeded(event);
      else if (event.type === 'request-failed') failed(event);
      else if (event.type === 'product-finished') {
        recorder.add('ProductsProcessed', 1, subject);
        recorder.add('IngestCount', event.newTrades, subject);
        recorder.add('IngestCount', event.newTrades, { source, product: event.product });
      }
    },
    onCircuit: (event) => {
      if (event.type === 'store-failed') return;
      circuit = CIRCUITS[event.type];
      recorder.set('CircuitBreakerState', STATES[event.type], subject);
      if (event.type === 'opened' && event.origin === 'here') recorder.add('CircuitBreakerOpens', 1, subject);
    },
    end: ({ newest, activeProducts }) => {
      const sorted = latencies.sort((a, b) => a - b);
      const p95 = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))];
      if (p95 !== undefined) recorder.set('ResponseTimeP95', p95, subject);
      const seconds = Math.max(0.001, (now() - begun) / 1000);
      if (trades > 0) recorder.set('TradesPerSecond', trades / seconds, subject);
      recorder.set('ActiveProducts', activeProducts, subject);
      recorder.set('ExchangeErrorRate', errorRate(), subject);
      recorder.set(
        'CircuitBreakerState',
        STATES[circuit === 'open' ? 'opened' : circuit === 'half_open' ? 'half-open' : 'closed'],
        subject,
      );
      recorder.set('ExchangeHealthy', circuit === 'closed' && errorRate() < ERROR_RATE_LIMIT ? 1 : 0, subject);
      const ages = [...newest].map(([product, time]) => [product, (now() - Date.parse(time)) / 60_000] as const);
      for (const [product, minutes] of ages) recorder.set('DataAgeMinutes', minutes, { source, product });
      if (ages.length > 0) recorder.set('DataAgeMinutes', Math.max(...ages.map(([, minutes]) => minutes)), subject);
    },
    health: () => ({
      status:
        circuit === 'open'
          ? 'unhealthy'
          : circuit === 'half_open' || errorRate() >= ERROR_RATE_LIMIT
            ? 'degraded'
            : 'healthy',
      circuitState: circuit,
      consecutiveFailures: failures,
      consecutiveSuccesses: successes,
      avgResponseTimeMs: latencies.length === 0 ? 0 : latencies.reduce((sum, ms) => sum + ms, 0) / latencies.length,
      errorRate: errorRate(),
      lastSuccessAt,
      lastFailureAt,
      lastErrorMessage,
    }),
  };
}
