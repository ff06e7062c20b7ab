import type { SimClock } from './clock.js';
import { refuse } from './errors.js';
import { createFaultPlan, type Fault, type FaultKind, type FaultOptions, type FaultScript } from './fault.js';
import { createRandom, hashText, mix } from './random.js';
import { type Delivery, deliver, type SimReply, type SimRequest, statusReply } from './reply.js';
import { fetchThrough, type SimFetch } from './sim-fetch.js';

/** A period in which every request goes wrong. */
export interface Outage {
  /** First and last instant, ms; open ends are allowed. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** Default: status 503 with the maintenance notice. */
  readonly fault?: Fault | undefined;
}

/** One line of the request log. */
export interface RequestRecord {
  readonly index: number;
  /** When it arrived, ms. */
  readonly atMs: number;
  readonly method: string;
  readonly url: string;
  readonly remote: string;
  /** Status sent; 0 when the connection broke first. */
  readonly status: number;
  readonly rows: number;
  readonly fault?: FaultKind | undefined;
}

/** Running totals; the object is live. */
export interface SimStats {
  requests: number;
  /** Requests being answered now, and the most at any time. */
  inFlight: number;
  peakInFlight: number;
  rows: number;
  /** Bytes of bodies. */
  bytes: number;
  /** Requests refused by the rate limit. */
  rateLimited: number;
  readonly byStatus: Record<string, number>;
  /** Faults carried out, by kind. */
  readonly faults: Partial<Record<FaultKind, number>>;
}

/** A constant latency, uniform draws between two bounds, or lognormal draws with that mean; ms. */
export type Latency =
  | number
  | { readonly min: number; readonly max: number }
  | { readonly mean: number; readonly sigma: number };

/** What every stand-in takes, whatever the venue. */
export interface VenueOptions {
  /** Decides every trade and every seeded fault. */
  readonly seed: string;
  /** Who tells the time and waits. */
  readonly clock: SimClock;
  /** Wait before each reply. Default 0. */
  readonly latencyMs?: Latency | undefined;
  /** Wait before each request arrives: requests that left evenly then come unevenly. Default 0. */
  readonly uplinkMs?: Latency | undefined;
  readonly faults?: FaultOptions | undefined;
  readonly script?: FaultScript | undefined;
  readonly outages?: readonly Outage[] | undefined;
  /** How many requests `requests()` remembers. Default 0. */
  readonly requestLog?: number | undefined;
}

export interface RouteContext {
  readonly index: number;
  readonly nowMs: number;
  /** A fault that the route may carry out; it says so by `faulted`. */
  readonly fault: Fault | undefined;
}

/** A venue's own part: refusals at the door, and answers. */
export interface VenueRoutes {
  /** A refusal that needs no answer from inside (rate limit, missing header), or undefined. */
  readonly admit: (
    request: SimRequest,
    nowMs: number,
  ) => (SimReply & { readonly rateLimited?: boolean | undefined }) | undefined;
  readonly answer: (request: SimRequest, context: RouteContext) => SimReply;
  /** A `status` fault in the venue's own words; undefined for a page of the CDN in front of it. Default: Coinbase's words. */
  readonly failure?: ((fault: Extract<Fault, { kind: 'status' }>) => SimReply | undefined) | undefined;
}

/** A stand-in exchange: `handle` for servers, `fetch` for programs in the same process. */
export interface VenueSim {
  /** Answers one request; waits on the clock. Rejects only with the signal's reason. */
  readonly handle: (request: SimRequest, signal?: AbortSignal) => Promise<Delivery>;
  /** A drop-in for the global fetch, for any host. */
  readonly fetch: SimFetch;
  readonly stats: SimStats;
  readonly clock: SimClock;
  /** Exchanges the clock; absent when one was given. */
  readonly adoptClock?: ((clock: SimClock) => void) | undefined;
  /** The latest requests, oldest first, as many as `requestLog` asked for. */
  readonly requests: () => readonly RequestRecord[];
  /** Adds an outage; the function returned ends it at once. */
  readonly addOutage: (outage: Outage) => () => void;
}

/** The wait of request n: a function of the seed and n. */
function createLatency(seed: string, name: 'latencyMs' | 'uplinkMs', latency: Latency): (index: number) => number {
  const base = hashText(`${seed}/${name === 'latencyMs' ? 'latency' : name}`);
  if (typeof latency === 'object' && 'mean' in latency) {
    const { mean, sigma } = latency;
    if (!(mean >= 0 && Number.isFinite(mean) && sigma >= 0 && sigma <= 3)) {
      refuse(name, 'a mean of 0 ms or more and a sigma from 0 to 3', latency, 'Use 0 for no latency.');
    }
    return (index) => {
      const random = createRandom(mix(base, index));
      // Box and Muller; the mean of exp(normal) is exp(mu + sigma²/2).
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      return mean * Math.exp(sigma * normal - (sigma * sigma) / 2);
    };
  }
  const { min, max } = typeof latency === 'number' ? { min: latency, max: latency } : latency;
  if (!(min >= 0 && max >= min && Number.isFinite(max))) {
    refuse(name, 'milliseconds of 0 or more, min not above max', latency, 'Use 0 for no latency.');
  }
  return (index) => min + (max - min) * createRandom(mix(base, index))();
}

function createLedger(capacity: number): {
  readonly stats: SimStats;
  readonly begin: () => number;
  readonly end: (record: Omit<RequestRecord, 'fault'>, delivery: Delivery, fault: Fault | undefined) => void;
  readonly abandon: () => void;
  readonly requests: () => readonly RequestRecord[];
} {
  const stats: SimStats = {
    requests: 0,
    inFlight: 0,
    peakInFlight: 0,
    rows: 0,
    bytes: 0,
    rateLimited: 0,
    byStatus: {},
    faults: {},
  };
  const log: RequestRecord[] = [];
  return {
    stats,
    requests: () => log.slice(Math.max(0, log.length - capacity)),
    begin: () => {
      stats.inFlight += 1;
      stats.peakInFlight = Math.max(stats.peakInFlight, stats.inFlight);
      return stats.requests++;
    },
    abandon: () => {
      stats.inFlight -= 1;
    },
    end: (record, delivery, fault) => {
      stats.inFlight -= 1;
      stats.rows += delivery.rows;
      stats.bytes += delivery.sentBytes;
      stats.byStatus[record.status] = (stats.byStatus[record.status] ?? 0) + 1;
      const kind = delivery.faulted === true ? fault?.kind : undefined;
      if (kind !== undefined) stats.faults[kind] = (stats.faults[kind] ?? 0) + 1;
      if (capacity === 0) return;
      log.push({ ...record, fault: kind });
      // Cut rarely, so that a log of a million requests stays linear.
      if (log.length >= 2 * capacity) log.splice(0, log.length - capacity);
    },
  };
}

const maintenance: Fault = { kind: 'status', status: 503, body: 'maintenance' };

/** The fault of a request: an outage before the script before the seed. */
function createFaultSource(
  options: VenueOptions,
  outages: ReadonlySet<Outage>,
): (index: number, url: string, nowMs: number) => Fault | undefined {
  const seeded = createFaultPlan(options.seed, options.faults);
  return (index, url, nowMs) => {
    for (const outage of outages) {
      if (nowMs >= outage.fromMs && nowMs <= outage.untilMs) return outage.fault ?? maintenance;
    }
    return options.script?.(index, url) ?? seeded(index);
  };
}

/** Everything the stand-ins share: order of arrival, log, latency, faults, outages, delivery. */
export function createVenue(options: VenueOptions, routes: VenueRoutes): VenueSim {
  const { clock } = options;
  const latency = createLatency(options.seed, 'latencyMs', options.latencyMs ?? 0);
  const uplink = createLatency(options.seed, 'uplinkMs', options.uplinkMs ?? 0);
  const ledger = createLedger(options.requestLog ?? 0);
  const outages = new Set<Outage>(options.outages ?? []);
  const faultOf = createFaultSource(options, outages);

  function answer(request: SimRequest, index: number, nowMs: number, fault: Fault | undefined): Delivery {
    const refusal = routes.admit(request, nowMs);
    if (refusal !== undefined) {
      if (refusal.rateLimited === true) ledger.stats.rateLimited += 1;
      return deliver(refusal, undefined);
    }
    if (fault?.kind === 'status')
      return { ...deliver(routes.failure?.(fault) ?? statusReply(fault), undefined), faulted: true };
    return deliver(routes.answer(request, { index, nowMs, fault }), fault);
  }

  async function handle(request: SimRequest, signal?: AbortSignal): Promise<Delivery> {
    signal?.throwIfAborted();
    const index = ledger.begin();
    try {
      const uplinkMs = uplink(index);
      if (uplinkMs > 0) await clock.sleep(uplinkMs, signal);
      const atMs = clock.now();
      const url = request.url.href;
      const fault = faultOf(index, url, atMs);
      const drawn = answer(request, index, atMs, fault);
      const date = new Date(clock.now()).toUTCString();
      const length = String(drawn.body.length);
      const headers = { date, 'content-length': length, ...drawn.headers };
      const delivery = { ...drawn, headers };
      const waitMs = latency(index) + delivery.delayMs;
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      const status = delivery.ending === 'no-reply' ? 0 : delivery.status;
      ledger.end(
        { index, atMs, method: request.method, url, remote: request.remote, status, rows: delivery.rows },
        delivery,
        fault,
      );
      return delivery;
    } catch (error) {
      ledger.abandon();
      throw error;
    }
  }

  return {
    handle,
    fetch: fetchThrough(handle, clock),
    stats: ledger.stats,
    clock,
    requests: ledger.requests,
    addOutage: (outage) => {
      outages.add(outage);
      return () => {
        outages.delete(outage);
      };
    },
  };
}
