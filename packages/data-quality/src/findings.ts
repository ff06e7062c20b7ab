import type { Measured, NotMeasured, ProductAge, QualitySummary } from './summary.js';

/** The named checks. The names are stable: reports and alarms refer to them. */
export const checkNames = [
  'primary key unique',
  'ids missing',
  'nulls',
  'price and quantity finite and > 0',
  'side known',
  'trade_ts plausible',
  'rows = present',
  'files match the commit',
  'freshness',
  'daily volume',
] as const;

export type CheckName = (typeof checkNames)[number];

export interface Finding {
  readonly check: CheckName;
  /** null: nobody looked; `fix` says why. Neither a pass nor a failure. */
  readonly ok: boolean | null;
  /** What was counted: faults, except for `daily volume`, where it is the records of the last 24 hours. */
  readonly count: number;
  readonly sample: readonly string[];
  /** What to do; empty when the check passed. */
  readonly fix: string;
}

/** Samples are for people: a handful is enough. */
const sampleSize = 5;

const fixes: Readonly<Record<CheckName, string>> = {
  'primary key unique':
    'Run `schemahub transform --rebuild`: it derives every row again from the raw records, each trade once.',
  'ids missing': 'Run `schemahub repair`: it fetches what is missing and settles holes.',
  nulls: 'Run `schemahub mapping lint`, correct the mapping, then `schemahub transform --rebuild`.',
  'price and quantity finite and > 0':
    'Look at the raw records of the sample; correct the mapping or its validation, then `schemahub transform --rebuild`.',
  'side known': 'Run `schemahub mapping test`: the side must map to BUY or SELL; then `schemahub transform --rebuild`.',
  'trade_ts plausible':
    'Look at the unit in the mapping (from_s, from_ms, from_us, from_ns) and at this machine’s clock; then `schemahub transform --rebuild`.',
  'rows = present':
    'Run `schemahub verify --deep`: it names the files that disagree; then `schemahub transform --rebuild`.',
  'files match the commit':
    'Restore the files from a copy, or run `schemahub transform --rebuild`: it writes them again from the raw records.',
  freshness:
    'Run `schemahub run pipeline`; `schemahub status` shows whether the exchange answers and which products are closed.',
  'daily volume': 'Run `schemahub run pipeline`; if it ends well, the exchange had no trade in the products you chose.',
};

function finding(check: CheckName, measured: Measured): Finding {
  const ok = measured.count === 0;
  return {
    check,
    ok,
    count: measured.count,
    sample: measured.sample.slice(0, sampleSize),
    fix: ok ? '' : fixes[check],
  };
}

function perhaps(check: CheckName, measured: Measured | NotMeasured): Finding {
  if ('notMeasured' in measured) {
    return { check, ok: null, count: 0, sample: [], fix: `Not measured: ${measured.notMeasured}` };
  }
  return finding(check, measured);
}

function freshness(stale: readonly ProductAge[], staleMinutes: number): Finding {
  const sample = [...stale]
    .sort((a, b) => (b.ageMinutes ?? Number.MAX_VALUE) - (a.ageMinutes ?? Number.MAX_VALUE))
    .map(({ exchange, symbol, ageMinutes }) => {
      const age = ageMinutes === null ? 'no trade' : `${Math.floor(ageMinutes)} minutes`;
      return `${exchange}/${symbol} (${age}, limit ${staleMinutes})`;
    });
  return finding('freshness', { count: stale.length, sample });
}

/** One finding per named check, in the order of `checkNames`. */
export function findings(
  summary: QualitySummary,
  stale: readonly ProductAge[],
  staleMinutes: number,
): readonly Finding[] {
  const hasToday = summary.dailyRecords > 0;
  return [
    finding('primary key unique', summary.duplicates),
    finding('ids missing', summary.missing),
    finding('nulls', summary.nulls),
    finding('price and quantity finite and > 0', summary.badNumbers),
    finding('side known', summary.unknownSides),
    finding('trade_ts plausible', summary.implausibleTimes),
    perhaps('rows = present', summary.rowsAgainstPresent),
    perhaps('files match the commit', summary.filesAgainstCommit),
    freshness(stale, staleMinutes),
    {
      check: 'daily volume',
      ok: hasToday,
      count: summary.dailyRecords,
      sample: [],
      fix: hasToday ? '' : fixes['daily volume'],
    },
  ];
}
