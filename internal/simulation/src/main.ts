// First of all: what comes under the seed must do so before others take it.
import './under-seed.js';

import { crashEverywhere, crashTwice, stages } from './crash-matrix.js';
import { play } from './play.js';
import { drawScenario, type Scenario, type ScenarioKind } from './scenario.js';
import { shrink } from './shrink.js';
import { type Outcome, simulate } from './simulate.js';
import { realMs } from './under-seed.js';
import { simVenueOf } from './venues.js';

const usage = `pnpm sim --seeds N [--from SEED]       N runs; prints what each broken seed broke; exit 1 if any did; --until-broken: stops there
pnpm sim --seed SEED [--history]       one run, with its history line by line
pnpm sim --seed SEED --shrink          the smallest run found that breaks the same promise, with its history
pnpm sim --crash-matrix [--pairs N]    every command killed at every call to the store; then N drawn pairs of deaths each
--exchange coinbase|binance|kraken     the same on another exchange; default coinbase
--iceberg                             and every commit published as an Iceberg snapshot
--s3                                  and the lake on S3: our driver over a network that loses answers and delays writes
`;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

function printScenario({ products, actions, spared, ...rest }: Scenario): void {
  const { exchangeFaults, ...settings } = rest;
  print(`settings ${JSON.stringify({ ...settings, exchangeFaults: exchangeFaults.share })}`);
  for (const product of products) print(`product  ${JSON.stringify(product)}`);
  for (const action of actions) print(`action   ${JSON.stringify(action)}`);
  if (spared !== undefined) print(`spared   ${[...spared].join(' ')}`);
}

function printOutcome(outcome: Outcome): void {
  const { seed, violations, hash, steps, commits, requests, killed, virtualMs } = outcome;
  for (const { rule, text } of violations.slice(0, 5)) print(`seed ${seed}: VIOLATION ${rule}: ${text}`);
  const hours = (virtualMs / 3_600_000).toFixed(1);
  print(
    `seed ${seed}: ${violations.length === 0 ? 'whole' : 'BROKEN'}, ${steps} steps, ${requests} requests, ${commits} commits, ${killed} kills, ${hours} virtual hours, history ${hash}`,
  );
}

async function runMany(from: number, count: number, kind: ScenarioKind, untilBroken: boolean): Promise<number> {
  const begun = realMs();
  const sums = { steps: 0, commits: 0, requests: 0, killed: 0, virtualMs: 0 };
  const broken: number[] = [];
  for (let seed = from; seed < from + count; seed++) {
    const outcome = await simulate(drawScenario(seed, kind), play);
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += outcome[name];
    if (outcome.violations.length > 0) {
      broken.push(seed);
      printOutcome(outcome);
      if (untilBroken) return 1;
    }
    const done = seed - from + 1;
    if (done % 250 === 0)
      print(`${done} of ${count} runs, ${broken.length} broken, ${Math.round((realMs() - begun) / 1000)} s`);
  }
  const seconds = (realMs() - begun) / 1000;
  const years = sums.virtualMs / (365.25 * 24 * 3_600_000);
  print(
    `${count} seeds from ${from}: ${broken.length} broken${broken.length > 0 ? ` (${broken.join(', ')})` : ''}; ${sums.steps} steps, ${sums.requests} requests, ${sums.commits} commits, ${sums.killed} kills, ${years.toFixed(1)} virtual years in ${(seconds / 3600).toFixed(2)} h (${Math.round((seconds / count) * 1000)} ms a run)`,
  );
  return broken.length === 0 ? 0 : 1;
}

async function runMatrix(pairs: number): Promise<number> {
  const begun = realMs();
  let runs = 0;
  let points = 0;
  let brokenRuns = 0;
  for (const stage of stages) {
    const single = await crashEverywhere(stage);
    const double = await crashTwice(stage, pairs);
    const broken = [...single.broken, ...double.broken];
    runs += single.runs + double.runs;
    points += single.points;
    brokenRuns += broken.length;
    print(`${stage.name}: ${single.points} calls, ${single.runs} runs, ${double.runs} pairs, ${broken.length} broken`);
    for (const { where, outcome } of broken.slice(0, 5))
      print(`  ${where}: VIOLATION ${outcome.violations[0]!.rule}: ${outcome.violations[0]!.text}`);
  }
  const seconds = Math.round((realMs() - begun) / 1000);
  print(`crash matrix: ${stages.length} commands, ${points} calls, ${runs} runs, ${brokenRuns} broken, ${seconds} s`);
  return brokenRuns === 0 ? 0 : 1;
}

function numberOf(args: readonly string[], name: string): number | undefined {
  const at = args.indexOf(name);
  if (at < 0) return undefined;
  const value = Number(args[at + 1]);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`${name}: expected a whole number, got ${args[at + 1]}`);
  return value;
}

async function main(args: readonly string[]): Promise<number> {
  const at = args.indexOf('--exchange');
  const { exchange } = simVenueOf(at < 0 ? undefined : args[at + 1]);
  const kind: ScenarioKind = { exchange, publishes: args.includes('--iceberg'), isOnS3: args.includes('--s3') };
  const [seed, seeds] = [numberOf(args, '--seed'), numberOf(args, '--seeds')];
  if (args.includes('--crash-matrix')) return await runMatrix(numberOf(args, '--pairs') ?? 10);
  if (seeds !== undefined)
    return await runMany(numberOf(args, '--from') ?? 1, seeds, kind, args.includes('--until-broken'));
  if (seed === undefined) {
    print(usage);
    return 2;
  }
  const isShrunk = args.includes('--shrink');
  const shrunk = isShrunk ? await shrink(drawScenario(seed, kind)) : undefined;
  const scenario = shrunk?.scenario ?? drawScenario(seed, kind);
  const withHistory = args.includes('--history');
  const outcome = shrunk?.outcome ?? (await simulate(scenario, play, { withHistory }));
  printScenario(scenario);
  if (withHistory || isShrunk) for (const line of outcome.history) print(line);
  if (shrunk !== undefined) print(`shrunk in ${shrunk.runs} runs`);
  printOutcome(outcome);
  return outcome.violations.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof RangeError ? `${error.message}\n${usage}` : String((error as Error).stack)}\n`,
  );
  return 2;
});
