import { UsageError } from '@schemahub/runtime/config';
import { venues } from '@schemahub/runtime/exchange';
import type { CommandRun, Invocation } from '../command.js';
import { combineExitCodes, exitCodes } from '../exit-codes.js';

const STAGES = ['ingest', 'unify', 'pipeline'] as const;
/** Codes after which the next step still makes sense: what was fetched is transformed, and told as incomplete. */
const GOES_ON: ReadonlySet<number> = new Set([
  exitCodes.complete,
  exitCodes.incomplete,
  exitCodes.damage,
  exitCodes.unavailable,
]);

function sourcesOf(stage: string, named: readonly string[]): readonly string[] {
  const known = venues.map(({ exchange }) => exchange);
  const sources =
    stage === 'unify' && named.every((name) => name === 'trades_unified') ? known : named.length > 0 ? named : known;
  for (const source of sources) {
    if (!known.includes(source))
      throw new UsageError(`run ${stage}: expected ${known.join(' or ')}, got ${JSON.stringify(source)}.`);
  }
  return sources;
}

/** `run ingest|unify|pipeline SOURCE…`. */
export const run: CommandRun = async (invocation) => {
  const [stage, ...named] = invocation.args;
  if (stage === undefined || !(STAGES as readonly string[]).includes(stage)) {
    throw new UsageError(`run: expected ${STAGES.join(', ')}, got ${JSON.stringify(stage ?? '')}.`);
  }
  const codes: number[] = [];
  const step = async (
    command: string,
    load: () => Promise<{ run: CommandRun }>,
    more: Partial<Invocation> = {},
  ): Promise<boolean> => {
    if (invocation.stop.aborted) return false;
    if (!invocation.quiet) invocation.io.err(`${invocation.io.style('bold', command)}\n`);
    const { run: work } = await load();
    const code = await work({ ...invocation, command, args: [], json: false, ...more });
    codes.push(code);
    return GOES_ON.has(code);
  };
  for (const exchange of sourcesOf(stage, named)) {
    const flags = { ...invocation.flags, exchange };
    const fetched = stage === 'unify' || (await step('ingest', () => import('./fetch.js'), { flags }));
    if (stage !== 'ingest' && fetched) await step('transform', () => import('./transform.js'), { flags });
  }
  if (stage === 'pipeline' && codes.every((code) => GOES_ON.has(code)))
    await step('verify', () => import('./verify.js'));
  const code = combineExitCodes(codes);
  if (invocation.json)
    invocation.io.out(`${JSON.stringify({ command: 'run', stage, exit_code: code, steps: codes })}\n`);
  return code;
};
