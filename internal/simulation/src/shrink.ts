import { play } from './play.js';
import type { Action, Scenario } from './scenario.js';
import { type Outcome, simulate } from './simulate.js';

/** Fewer actions, products and faults that break the same promise. */
export interface Shrunk {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
  readonly runs: number;
}

const FAULT = /(\S+#\d+) .*(\[|-> (?:fail|die))/;

/** Names of the store faults that happened, from a history. */
export function faultsIn(history: readonly string[]): string[] {
  return history.flatMap((line) => FAULT.exec(line)?.[1] ?? []);
}

/** Leaves out halves, quarters … single ones while the run still breaks the promise (delta debugging). */
async function leaveOut<T>(
  all: readonly T[],
  stillFails: (rest: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let kept = all;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length; ) {
      const rest = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (rest.length < kept.length && (await stillFails(rest))) kept = rest;
      else at += size;
    }
  }
  return kept;
}

/** The smallest run found within `maxRuns` that breaks the first promise that `scenario` breaks. */
export async function shrink(scenario: Scenario, options: { readonly maxRuns?: number } = {}): Promise<Shrunk> {
  const { maxRuns = 400 } = options;
  let runs = 0;
  let best = { scenario, outcome: await simulate(scenario, play, { withHistory: true }) };
  const rule = best.outcome.violations[0]?.rule;
  const attempt = async (smaller: Scenario): Promise<boolean> => {
    if (runs >= maxRuns) return false;
    runs++;
    const outcome = await simulate(smaller, play, { withHistory: true });
    if (outcome.violations[0]?.rule !== rule) return false;
    best = { scenario: smaller, outcome };
    return true;
  };
  if (rule === undefined) return { ...best, runs };
  await attempt({ ...scenario, exchangeFaults: { ...scenario.exchangeFaults, share: 0 } });
  await leaveOut(best.scenario.actions, (actions: readonly Action[]) => attempt({ ...best.scenario, actions }));
  await leaveOut(best.scenario.products, async (products) => {
    const ids = new Set(products.map(({ id }) => id));
    const actions = best.scenario.actions.filter((action) => !('product' in action) || ids.has(action.product));
    return products.length > 0 && (await attempt({ ...best.scenario, products, actions }));
  });
  const faults = faultsIn(best.outcome.history);
  await leaveOut(faults, async (kept) => {
    const spared = new Set([...(best.scenario.spared ?? []), ...faults.filter((name) => !kept.includes(name))]);
    return await attempt({ ...best.scenario, spared });
  });
  return { ...best, runs };
}
