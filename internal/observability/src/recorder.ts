import { type MetricName, type MetricUnit, metrics, PRODUCT, PRODUCTS_WITH_METRICS, SOURCE } from './metric-names.js';

/** Whom a number is about: an exchange in lower case, or one of its products. */
export interface MetricSubject {
  readonly source: string;
  readonly product?: string | undefined;
}

/** Numbers of one metric and one subject since the last drain: distinct values, each with how often it was seen. */
export interface MetricDatum {
  readonly name: MetricName;
  readonly unit: MetricUnit;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly values: readonly number[];
  readonly counts: readonly number[];
}

/** Collects a run's numbers until they are sent: sums of events, the last word of a state, distributions. */
export interface MetricRecorder {
  /** Adds to a sum. */
  readonly add: (name: MetricName, value: number, subject: MetricSubject) => void;
  /** Replaces what was said of a state. */
  readonly set: (name: MetricName, value: number, subject: MetricSubject) => void;
  /** One more measurement. */
  readonly sample: (name: MetricName, value: number, subject: MetricSubject) => void;
  /** Everything so far; states are told again only when they are set again. */
  readonly drain: () => readonly MetricDatum[];
}

interface Held {
  readonly name: MetricName;
  readonly subject: MetricSubject;
  readonly values: Map<number, number>;
}

/** Distinct measurements are rounded to three digits, so that a run's thousands become some hundreds. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** Of the products only those of the greatest numbers are told; each name and value is billed. */
function keepLargest(held: readonly Held[]): Held[] {
  const seen = new Map<string, Held[]>();
  const kept: Held[] = [];
  for (const one of held) {
    if (one.subject.product === undefined) kept.push(one);
    else seen.set(one.name, [...(seen.get(one.name) ?? []), one]);
  }
  const greatest = ({ values }: Held): number => Math.max(...values.keys());
  for (const ones of seen.values())
    kept.push(...ones.sort((a, b) => greatest(b) - greatest(a)).slice(0, PRODUCTS_WITH_METRICS));
  return kept;
}

export function createRecorder(): MetricRecorder {
  let held = new Map<string, Held>();
  const of = (name: MetricName, subject: MetricSubject): Held => {
    const own = metrics[name].byProduct === true ? subject : { source: subject.source };
    const key = `${name} ${own.source} ${own.product ?? ''}`;
    const found = held.get(key) ?? { name, subject: own, values: new Map<number, number>() };
    held.set(key, found);
    return found;
  };
  const finite = (value: number): boolean => Number.isFinite(value);
  return {
    add: (name, value, subject) => {
      if (!finite(value)) return;
      const { values } = of(name, subject);
      const sum = (values.keys().next().value ?? 0) + value;
      values.clear();
      values.set(sum, 1);
    },
    set: (name, value, subject) => {
      if (!finite(value)) return;
      const { values } = of(name, subject);
      values.clear();
      values.set(value, 1);
    },
    sample: (name, value, subject) => {
      if (!finite(value)) return;
      const { values } = of(name, subject);
      const key = rounded(value);
      values.set(key, (values.get(key) ?? 0) + 1);
    },
    drain: () => {
      const all = keepLargest([...held.values()]);
      held = new Map();
      return all.map(({ name, subject, values }) => ({
        name,
        unit: metrics[name].unit,
        dimensions: {
          [SOURCE]: subject.source,
          ...(subject.product === undefined ? {} : { [PRODUCT]: subject.product }),
        },
        values: [...values.keys()],
        counts: [...values.values()],
      }));
    },
  };
}
