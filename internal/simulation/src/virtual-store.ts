import { type ObjectEntry, type ObjectStore, StoreError } from '@schemahub/object-store';
import { between, createDraws, pick } from './draws.js';
import type { PlannedFault, Scenario } from './scenario.js';
import type { Scheduler } from './scheduler.js';
import type { VirtualProcess } from './virtual-process.js';

/** What goes wrong with one call to the store. */
export type StoreFault =
  /** An error instead of the call; an error although the call happened. */
  | { readonly kind: 'fail' | 'lose' }
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
  const kind = pick(random, [
    'fail',
    'lose',
    'die-before',
    'die-after',
    'die-in-flight',
    'slow',
    'pause',
    'jump',
  ] as const);
  switch (kind) {
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
  readonly base: ObjectStore;
  readonly scheduler: Scheduler;
  readonly process: VirtualProcess;
  readonly scenario: Scenario;
  /** Calls that go wrong, of 1000; asked at each call, so that faults can end. */
  readonly faultShare: () => number;
  readonly trace: (line: string) => void;
}

/** The lake as one process sees it: every call takes a while, may go wrong, and may be its last. */
export function createVirtualStore(options: VirtualStoreOptions): ObjectStore {
  const { base, scheduler, process, scenario, trace } = options;
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
    const refusal = (): StoreError => new StoreError('unavailable', `simulated: ${where}`, { retryable: true });
    if (fault?.kind === 'fail' || fault?.kind === 'die-before') {
      trace(`${where} -> ${fault.kind}`);
      if (fault.kind === 'fail') throw refusal();
      process.die();
      return await never;
    }
    if (fault?.kind === 'die-in-flight') {
      trace(`${where} -> dies while it is on its way`);
      process.die();
      scheduler.call(undefined, fault.ms, () => {
        trace(`${where} arrives after the death of its process`);
        void act().then(
          () => undefined,
          () => undefined,
        );
      });
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
    if (fault?.kind === 'lose') throw refusal();
    return result;
  };

  const collect = async (body: Uint8Array | AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
    if (body instanceof Uint8Array) return body.slice();
    const parts: Uint8Array[] = [];
    for await (const part of body) parts.push(part);
    return Buffer.concat(parts);
  };

  async function* list(prefix: string, listOptions?: { readonly startAfter?: string | undefined }) {
    let startAfter = listOptions?.startAfter;
    for (;;) {
      const readPage = async (): Promise<ObjectEntry[]> => {
        const page: ObjectEntry[] = [];
        for await (const entry of base.list(prefix, { startAfter })) {
          page.push(entry);
          if (page.length === scenario.listPage) break;
        }
        return page;
      };
      const page = await perform('list', prefix, readPage, (entries) => `${entries.length} keys`);
      yield* page;
      if (page.length < scenario.listPage) return;
      startAfter = page.at(-1)!.key;
    }
  }

  return {
    location: 'the simulated lake',
    get: (key, getOptions) =>
      perform(
        'get',
        key,
        () => base.get(key, getOptions),
        (found) => (found === undefined ? 'absent' : `${found.bytes.length} bytes`),
      ),
    putIfAbsent: async (key, body) => {
      const bytes = await collect(body);
      return await perform('create', key, () => base.putIfAbsent(key, bytes), String);
    },
    putIfMatch: (key, body, version) =>
      perform(
        'replace',
        key,
        () => base.putIfMatch(key, body, version),
        (result) => (result === 'conflict' ? result : 'written'),
      ),
    list,
    delete: (keys) =>
      perform(
        'delete',
        keys.join(' '),
        () => base.delete(keys),
        () => 'done',
      ),
  };
}
