/** How an exchange does, as this process sees it. Times are ms since 1970. */
export interface HealthReading {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  readonly circuitState: 'closed' | 'half_open' | 'open';
  readonly consecutiveFailures: number;
  readonly consecutiveSuccesses: number;
  readonly avgResponseTimeMs: number;
  /** 0 … 1, over the last 100 requests. */
  readonly errorRate: number;
  readonly lastSuccessAt: number | undefined;
  readonly lastFailureAt: number | undefined;
  readonly lastErrorMessage: string | undefined;
}

/** Health of exchanges, shared by processes: the current state, and a history of a week. */
export interface HealthTable {
  readonly read: (exchange: string) => Promise<HealthReading | undefined>;
  /** Replaces the current state and adds to the history. */
  readonly record: (exchange: string, reading: HealthReading, now: number) => Promise<void>;
  /** Where the circuit breaker of an exchange keeps its state. */
  readonly circuitStore: (exchange: string) => {
    readonly read: () => Promise<{ readonly value: unknown; readonly version: string } | undefined>;
    readonly write: (value: unknown, version: string | undefined) => Promise<{ readonly version: string } | 'conflict'>;
  };
}
