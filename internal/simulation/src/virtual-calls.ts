import type { ObjectStore } from '@schemahub/object-store';
import { between, createDraws, pick } from './draws.js';
import type { PlannedFault, Scenario } from './scenario.js';
import type { Scheduler } from './scheduler.js';
import type { VirtualProcess } from './virtual-process.js';

/** What goes wrong with one call to the store. */
export type StoreFault =
  /** An error instead of the call; an error although the call happened. */
  | { readonly kind: 'fail' | 'lose' }
  /** On S3: nothing was decided; or there is no answer, and the call happens later, when it was perhaps made again. */
  | { readonly kind: 'undecided' }
  | { readonly kind: 'late'; readonly ms: number }
  /** The process ends: before the call, after it, or while it is on its way and happens later. */
  | { readonly kind: 'die-before' | 'die-after' }
  | { readonly kind: 'die-in-flight'; readonly ms: number }
  /** The call takes long; the process stops for a while after it; its clock jumps. */
  | { readonly kind: 'slow' | 'pause' | 'jump'; readonly ms: number };

const SECOND = 1000;
const HOUR = 3_600_000;

function plannedFault(kind: PlannedFault): StoreFault {
  return kind === 'die-in-flight' ? { kind, ms: 400 } : { kind };
}

const portFaults = ['fail', 'lose', 'die-before', 'die-after', 'die-in-flight', 'slow', 'pause', 'jump'] as const;
const wireFaults = [...portFaults, 'lose', 'undecided', 'late', 'late'] as const;

/** The fault of a process's n-th call: a function of the seed, the process and n. */
export function faultOf(scenario: Scenario, process: string, call: number, share: number): StoreFault | undefined {
  const name = `${process}#${call}`;
  if (scenario.planned !== undefined) {
    const planned = scenario.planned.get(name);
    return planned && plannedFault(planned);
  }
  if (scenario.spared?.has(name) === true) return undefined;
  const random = createDraws(scenario.seed, name);
  if (random() * 1000 >= share) return undefined;
  const kind = pick(random, scenario.s3 === undefined ? portFaults : wireFaults);
  switch (kind) {
    case 'late':
    case 'die-in-flight':
      return { kind, ms: pick(random, [1, 50, 3000, 5 * 60 * SECOND, 30 * HOUR]) };
    case 'slow':
    case 'pause':
      return { kind, ms: pick(random, [SECOND, 40 * SECOND, 130 * SECOND, HOUR, 30 * HOUR, 60 * HOUR]) };
    case 'jump':
      return { kind, ms: pick(random, [-2 * HOUR, -7 * SECOND, 10 * SECOND, 15 * 60 * SECOND, 49 * HOUR]) };
    default:
      return { kind };
  }
}

export interface VirtualStoreOptions {
  /** What is really there, for all processes. */
  readonly base: ObjectStore;
  readonly scheduler: Scheduler;
  readonly process: VirtualProcess;
  readonly scenario: Scenario;
  /** Calls that go wrong, of 1000; asked at each call, so that faults can end. */
  readonly faultShare: () => number;
  readonly trace: (line: string) => void;
}

/** One call over the network: it takes a while, may go wrong, and may be its process's last. */
export type PerformCall = <T>(
  verb: string,
  key: string,
  act: () => Promise<T>,
  say: (result: T) => string,
) => Promise<T>;

/** `refusal` makes the error of a call that did not happen, whose answer does not come, or that was not decided. */
export function createCalls(
  options: VirtualStoreOptions,
  refusal: (where: string, kind: 'fail' | 'lose' | 'undecided') => Error,
): PerformCall {
  const { scheduler, process, scenario, trace } = options;
  const latency = createDraws(scenario.seed, `${process.name} latency`);
  const never = new Promise<never>(() => undefined);

  const perform = async <T>(
    verb: string,
    key: string,
    act: () => Promise<T>,
    say: (result: T) => string,
  ): Promise<T> => {
    const call = process.nextCall();
    const fault = faultOf(scenario, process.name, call, options.faultShare());
    const where = `${process.name}#${call} ${verb} ${key}`;
    if (fault !== undefined) process.faults++;
    await scheduler.wait(process, between(latency, 0, 4) + (fault?.kind === 'slow' ? fault.ms : 0));
    if (fault?.kind === 'fail' || fault?.kind === 'undecided' || fault?.kind === 'die-before') {
      trace(`${where} -> ${fault.kind === 'undecided' ? 'fail, undecided' : fault.kind}`);
      if (fault.kind !== 'die-before') throw refusal(where, fault.kind);
      process.die();
      return await never;
    }
    if (fault?.kind === 'die-in-flight' || fault?.kind === 'late') {
      const isLate = fault.kind === 'late';
      trace(`${where} -> ${isLate ? 'fail, it happens later' : 'dies while it is on its way'}`);
      if (!isLate) process.die();
      scheduler.call(undefined, fault.ms, () => {
        trace(`${where} arrives ${isLate ? 'late' : 'after the death of its process'}`);
        void act().then(
          () => undefined,
          () => undefined,
        );
      });
      if (isLate) throw refusal(where, 'lose');
      return await never;
    }
    const result = await act();
    trace(
      `${where} -> ${say(result)}${fault === undefined ? '' : ` [${fault.kind}${'ms' in fault ? ` ${fault.ms} ms` : ''}]`}`,
    );
    if (fault?.kind === 'die-after') {
      process.die();
      return await never;
    }
    if (fault?.kind === 'pause') process.pause(fault.ms);
    if (fault?.kind === 'jump') process.jump(fault.ms);
    await scheduler.wait(process, between(latency, 0, 4));
    if (fault?.kind === 'lose') throw refusal(where, 'lose');
    return result;
  };

  return perform;
}
