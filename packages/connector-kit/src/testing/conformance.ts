import type { Clock } from '@schemahub/core';
import { catalogue, headAndProbe } from './call-cases.js';
import type { ConformanceSubject } from './conformance-stage.js';
import { faults } from './fault-cases.js';
import { createManualClock } from './manual-clock.js';
import { records } from './record-cases.js';
import { completeness, oddPages } from './window-cases.js';

/** One check; `run` rejects with an assertion error when the connector breaks the contract. */
export interface ConformanceCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/**
 * What every windowed connector must do, whatever its venue's wire looks like. Each case builds its own subject. Cases
 * are plain functions: run them with any test runner.
 */
export function connectorConformance(
  create: (options: { clock: Clock }) => ConformanceSubject,
): readonly ConformanceCase[] {
  return [...completeness, ...oddPages, ...headAndProbe, ...catalogue, ...faults, ...records].map(([name, check]) => ({
    name,
    run: async () => {
      const clock = createManualClock();
      await check({ ...create({ clock }), clock });
    },
  }));
}
