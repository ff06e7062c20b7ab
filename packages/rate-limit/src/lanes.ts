import type { Candidate, Cost } from './plan.js';
import type { TurnQueue } from './queue.js';

/** Calls of one priority that draw on the same budgets: they start in order of arrival. */
interface Lane {
  readonly key: string;
  readonly priority: number;
  readonly queue: TurnQueue;
  /** Calls that wait, the candidate included. */
  live: number;
  /** Calls that were aborted and still lie in the queue. */
  dead: number;
  candidate: WaitingCall | undefined;
}

/** A call from its arrival until it starts or is aborted. */
export interface WaitingCall extends Candidate {
  readonly task: () => Promise<void>;
  /** Called once, when it starts or is aborted. */
  readonly onLeave: () => void;
}

/** The calls that wait, and those of them whose turn it is. */
export interface Lanes {
  readonly add: (call: Omit<WaitingCall, 'followed'>) => WaitingCall;
  /** Takes a call out, whether it starts or was aborted; the next of its lane comes forward. */
  readonly leave: (call: WaitingCall) => void;
  readonly candidates: () => readonly WaitingCall[];
  /** The best priority among lanes whose next call is still on its way to become a candidate; Infinity without one. */
  readonly bestOnItsWay: () => number;
  readonly waiting: () => number;
}

/** The lane of such a call, made when it is the first. */
function laneOf(
  lanes: Map<string, Lane>,
  createQueue: () => TurnQueue,
  call: { readonly priority: number; readonly cost: readonly Cost[] },
): Lane {
  const key = JSON.stringify([call.priority, ...call.cost.map(({ budget }) => budget)]);
  const known = lanes.get(key);
  if (known !== undefined) return known;
  const lane: Lane = { key, priority: call.priority, queue: createQueue(), live: 0, dead: 0, candidate: undefined };
  lanes.set(key, lane);
  return lane;
}

export function createLanes(createQueue: () => TurnQueue, onCandidate: () => void): Lanes {
  const lanes = new Map<string, Lane>();
  const places = new Map<WaitingCall, { readonly lane: Lane; endTurn: () => void }>();

  function beginTurn(lane: Lane, call: WaitingCall): Promise<void> {
    const place = places.get(call);
    if (place === undefined) {
      lane.dead -= 1;
      return Promise.resolve();
    }
    lane.candidate = call;
    return new Promise((resolve) => {
      place.endTurn = resolve;
      onCandidate();
    });
  }

  function leave(call: WaitingCall): void {
    const place = places.get(call);
    if (place === undefined) return;
    const { lane } = place;
    places.delete(call);
    if (lane.candidate === call) lane.candidate = undefined;
    else lane.dead += 1;
    lane.live -= 1;
    call.onLeave();
    place.endTurn();
    // A queue cannot take single calls out; when nobody waits behind aborted ones, it goes as a whole.
    if (lane.live === 0 && lane.dead > 0) {
      lanes.delete(lane.key);
      lane.queue.stop();
    }
  }

  return {
    add: (fields) => {
      const lane = laneOf(lanes, createQueue, fields);
      const call: WaitingCall = {
        ...fields,
        get followed() {
          return lane.live > 1;
        },
      };
      lane.live += 1;
      places.set(call, { lane, endTurn: () => {} });
      lane.queue.add(() => beginTurn(lane, call));
      return call;
    },
    leave,
    candidates: () => [...lanes.values()].flatMap(({ candidate }) => candidate ?? []),
    bestOnItsWay: () => {
      const onTheirWay = [...lanes.values()].filter(({ live, candidate }) => live > 0 && candidate === undefined);
      return Math.min(Number.POSITIVE_INFINITY, ...onTheirWay.map(({ priority }) => priority));
    },
    waiting: () => places.size,
  };
}
