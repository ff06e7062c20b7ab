import { createByteBudget } from '@schemahub/ingest';
import { UsageError } from '@schemahub/runtime/config';
import { BYTE_BUDGET } from '@schemahub/runtime/ingest';
import { venues } from '@schemahub/runtime/venues';
import type { CommandRun, Invocation } from '../command.js';
import { combineExitCodes, exitCodes } from '../exit-codes.js';
import { explainError } from '../explain-error.js';
import type { Io } from '../io.js';

const STAGES = ['ingest', 'unify', 'pipeline'] as const;
/** Codes after which the next step still makes sense: what was fetched is transformed, and told as incomplete. */
const GOES_ON: ReadonlySet<number> = new Set([
  exitCodes.complete,
  exitCodes.incomplete,
  exitCodes.damage,
  exitCodes.unavailable,
]);
const MEANINGS: Readonly<Record<number, string>> = {
  [exitCodes.complete]: 'complete',
  [exitCodes.error]: 'error',
  [exitCodes.usage]: 'configuration',
  [exitCodes.incomplete]: 'incomplete',
  [exitCodes.damage]: 'damage',
  [exitCodes.held]: 'held by another run',
  [exitCodes.unavailable]: 'exchange unavailable',
};

function sourcesOf(stage: string, named: readonly string[]): readonly string[] {
  const known = venues.map(({ exchange }) => exchange);
  const sources =
    stage === 'unify' && named.every((name) => name === 'trades_unified') ? known : named.length > 0 ? named : known;
  for (const source of sources) {
    if (!known.includes(source))
      throw new UsageError(`run ${stage}: expected ${known.join(' or ')}, got ${JSON.stringify(source)}.`);
  }
  return [...new Set(sources)];
}

/** One step of one source: of several sources side by side, every line says whose it is. */
interface Step {
  readonly source: string;
  readonly command: string;
  readonly code: number;
}

type Load = () => Promise<{ readonly run: CommandRun }>;

function namedIo(io: Io, source: string): Io {
  const prefix = `${io.style('dim', `${source} │`)} `;
  const named = (text: string): string => text.replace(/^(?=.)/gm, prefix);
  return { ...io, isErrTerminal: false, err: (text) => io.err(named(text)), out: (text) => io.out(text) };
}

/** One at a time: transforms of one lake would only wait for each other's commits. */
function createTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** Runs a step; an error that ends it is told and judged, and is the step's own. */
async function runStep(invocation: Invocation, source: string, command: string, load: Load): Promise<Step> {
  const { io } = invocation;
  if (!invocation.quiet) io.err(`${io.style('bold', command)}\n`);
  try {
    const { run: work } = await load();
    const config = source === '' ? invocation.config : invocation.config.of(source);
    const flags = source === '' ? invocation.flags : { ...invocation.flags, exchange: source };
    const exchanges = source === '' ? invocation.exchanges : [source];
    const code = await work({ ...invocation, config, flags, exchanges, command, args: [], json: false });
    return { source, command, code };
  } catch (error) {
    if (invocation.stop.aborted) return { source, command, code: invocation.stopCode() };
    const { sentence, code } = explainError(error);
    io.err(`${io.style('red', 'error:')} ${sentence}\n`);
    return { source, command, code };
  }
}

const ingest: Load = () => import('./fetch.js');
const transform: Load = () => import('./transform.js');
const verify: Load = () => import('./verify.js');

async function holdsAny({ config, io }: Invocation, source: string): Promise<boolean> {
  const { lakeProducts, openLake } = await import('@schemahub/runtime/lake');
  const known = await lakeProducts(await openLake({ config, clock: io.clock, dryRun: true }));
  return known.some(({ exchange }) => exchange === source);
}

interface Plan {
  readonly stage: (typeof STAGES)[number];
  readonly sources: readonly string[];
  readonly isAtomic: boolean;
}

/** One exchange's steps: its own limiter, breaker and waiting. Nothing of another exchange is waited for but a transform. */
async function runSource(
  invocation: Invocation,
  { stage, sources, isAtomic }: Plan,
  source: string,
  turn: ReturnType<typeof createTurn>,
): Promise<Step[]> {
  const io = sources.length > 1 ? namedIo(invocation.io, source) : invocation.io;
  const own: Invocation = { ...invocation, io };
  const steps: Step[] = [];
  if (stage !== 'unify') steps.push(await runStep(own, source, 'ingest', ingest));
  const goesOn = steps.every(({ code }) => GOES_ON.has(code)) && !invocation.stop.aborted;
  // An exchange that is down on a first run leaves nothing to transform.
  const isEmpty = steps[0]?.code === exitCodes.unavailable && !(await holdsAny(own, source));
  if (stage !== 'ingest' && !isAtomic && goesOn && !isEmpty)
    steps.push(await turn(() => runStep(own, source, 'transform', transform)));
  return steps;
}

function summaryOf({ sources }: Plan, steps: readonly Step[]): string {
  const told = sources.map((source) => {
    const own = steps.filter((step) => step.source === source);
    const bad = own.filter(({ code }) => code !== exitCodes.complete);
    const words = bad.map(({ command, code }) => `${command} ${MEANINGS[code] ?? `ended ${code}`}`);
    return `${source}: ${words.length > 0 ? words.join(', ') : own.length === 0 ? 'nothing to do' : 'complete'}`;
  });
  return `${told.join(' · ')}\n`;
}

function planOf(invocation: Invocation): Plan {
  const [stage, ...named] = invocation.args;
  const known = STAGES.find((name) => name === stage);
  if (known === undefined)
    throw new UsageError(
      `run: expected ${STAGES.join(', ')}, got ${JSON.stringify(stage ?? '')}. For example: schemahub run pipeline coinbase`,
    );
  const sources = sourcesOf(known, named);
  if (sources.length > 1 && invocation.flags['seed-path'] !== undefined)
    throw new UsageError(
      `--seed-path: it names one product list, and ${sources.length} exchanges run. Give each its own: mappings/product_ids_seed.EXCHANGE.yaml, or a member of its name in schemahub.yaml.`,
    );
  return { stage: known, sources, isAtomic: invocation.flags.atomic === true && known !== 'ingest' };
}

/**
 * `run ingest|unify|pipeline SOURCE…`: the exchanges side by side, each committed as it finishes, or with `--atomic` all
 * in one commit. An exchange that is down neither stops nor delays the others; code and summary say which it was.
 */
export const run: CommandRun = async (invocation) => {
  const plan = planOf(invocation);
  const waitMs = invocation.config.number('max-wait') * 1000;
  const shared: Invocation = { ...invocation, waitMs, budget: createByteBudget(BYTE_BUDGET) };
  const turn = createTurn();
  const steps = (await Promise.all(plan.sources.map((source) => runSource(shared, plan, source, turn)))).flat();
  const goesOn = (): boolean => !invocation.stop.aborted && steps.some(({ code }) => GOES_ON.has(code));
  if (plan.isAtomic && (plan.stage === 'unify' || goesOn()))
    steps.push(await runStep({ ...shared, exchanges: plan.sources }, '', 'transform', transform));
  if (plan.stage === 'pipeline' && goesOn()) steps.push(await runStep(shared, '', 'verify', verify));
  const code = combineExitCodes(steps.map((step) => step.code));
  if (invocation.json) {
    const told = steps.map(({ source, command, code: ended }) => ({
      source: source === '' ? null : source,
      command,
      exit_code: ended,
    }));
    invocation.io.out(
      `${JSON.stringify({ command: 'run', stage: plan.stage, atomic: plan.isAtomic, exit_code: code, steps: told })}\n`,
    );
  }
  if (!invocation.quiet && plan.sources.length > 1) invocation.io.err(summaryOf(plan, steps));
  return code;
};
