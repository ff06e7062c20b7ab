import { describe, expect, it } from 'vitest';
import { createFetchLog } from './fetch-log.js';
import { createFetchProgress, drawProgress } from './fetch-progress.js';

const products = new Map(
  Array.from({ length: 12 }, (_, i) => [`P${i}-USD`, { todo: 1_000_000, done: i * 80_000, finished: i === 11 }]),
);
const view = { products, elapsedSeconds: 725, fetchingSeconds: 725, waiting: undefined, silentSeconds: 0 };

describe('the drawing of a run', () => {
  it.each([60, 80, 120])('at %i columns: nothing is wider, nothing that matters is cut', (width) => {
    const lines = drawProgress(view, width);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
    const text = lines.join('\n');
    for (const part of ['45.0 %', '/min', '12 min 05 s', 'ETA 14 min', '1/12 products']) expect(text).toContain(part);
    // The ten least advanced, least first, with 20-wide bars.
    const bars = lines.filter((line) => line.startsWith('  P'));
    expect(bars.map((line) => line.trim().split(' ')[0])).toEqual(Array.from({ length: 10 }, (_, i) => `P${i}-USD`));
    for (const line of bars) expect(line.match(/[█░]+/)?.[0]).toHaveLength(20);
    expect(lines[0]?.match(/[█░]+/)?.[0]).toHaveLength(50);
  });

  it('rate and ETA leave out the scan of the heads, the time of the run does not', () => {
    const text = drawProgress({ ...view, fetchingSeconds: 100 }, 120).join('\n');
    expect(text).toContain('3,240,000/min · 12 min 05 s · ETA 2 min 02 s');
  });

  it('before the first head there is no bar that says 100 %', () => {
    const nothing = { products: new Map(), elapsedSeconds: 4, fetchingSeconds: 4, waiting: undefined };
    expect(drawProgress({ ...nothing, silentSeconds: 1 }, 80)).toEqual(['asking the exchange what there is…']);
    expect(drawProgress({ ...nothing, silentSeconds: 4 }, 80)).toEqual([
      'asking the exchange what there is…',
      'waiting 4 s for the exchange',
    ]);
  });

  it('a run that waits says why, and for how long yet', () => {
    const waiting = { reason: 'coinbase circuit is not closed (HTTP 503)', seconds: 272 };
    expect(drawProgress({ ...view, waiting }, 80)).toContain(
      'waiting: coinbase circuit is not closed (HTTP 503); next try in 4 min 32 s',
    );
    expect(drawProgress({ ...view, silentSeconds: 12.7 }, 80)).toContain('waiting 12 s for the exchange');
  });
});

/** A terminal of some rows: what stands on it after all that was written. */
function createScreen(isErrTerminal: boolean, columns = 80) {
  const rows: string[] = [''];
  const err = (text: string): void => {
    // Cursor up n lines and erase to the end; everything else is text and line ends.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
    for (const [part] of text.matchAll(/\u001b\[(\d+)A\r\u001b\[J|\n|[^\u001b\n]+/g)) {
      const up = /\[(\d+)A/.exec(part)?.[1];
      if (up !== undefined) rows.splice(rows.length - 1 - Number(up), rows.length, '');
      else if (part === '\n') rows.push('');
      else rows[rows.length - 1] += part;
    }
  };
  const io = { err, isErrTerminal, columns } as unknown as Parameters<typeof createFetchProgress>[0]['io'];
  return { io, rows: () => rows.filter((row) => row !== '') };
}

describe('progress in place', () => {
  const stop = new AbortController();

  it('a stop takes the drawing away and draws no more', () => {
    const stopped = new AbortController();
    const { io, rows } = createScreen(true);
    const progress = createFetchProgress({ io, quiet: false, stop: stopped.signal }, true);
    progress.onEvent({ type: 'request-succeeded', product: 'P1', trades: 50, seconds: 1 });
    expect(rows().length).toBeGreaterThan(1);
    stopped.abort();
    progress.onEvent({ type: 'waiting-for-exchange', until: 0, reason: 'x' });
    expect(rows()).toEqual([]);
    progress.end();
  });

  it('while nothing happens the clock goes on: silence is counted up, an open circuit down, and both end with an answer', () => {
    const { io, rows } = createScreen(true);
    let now = 1_000_000;
    let work: () => void = () => undefined;
    const timing = {
      now: () => now,
      every: (ms: number, tick: () => void) => {
        expect(ms).toBe(1000);
        work = tick;
        return () => {
          work = () => undefined;
        };
      },
    };
    const pass = (seconds: number): string => {
      for (let i = 0; i < seconds; i++) {
        now += 1000;
        work();
      }
      return rows().join('\n');
    };
    const clock = { now: () => now } as unknown as NonNullable<typeof io.clock>;
    const progress = createFetchProgress({ io: { ...io, clock }, quiet: false, stop: stop.signal }, true, timing);
    const answer = (): void => {
      const facts = { seconds: 1, waitedSeconds: 0, parseSeconds: 0, queued: 0, bytes: 1, error: undefined };
      progress.onEvent({ type: 'answered', ...facts });
      progress.onEvent({ type: 'request-succeeded', product: 'P1', trades: 50, seconds: 1 });
    };
    answer();
    expect(pass(2)).toContain('· 2.0 s ·');
    expect(pass(0)).not.toContain('waiting');
    expect(pass(1)).toContain('waiting 3 s for the exchange');
    expect(pass(4)).toContain('waiting 7 s for the exchange');
    answer();
    expect(pass(1)).not.toContain('waiting');
    progress.onEvent({
      type: 'waiting-for-exchange',
      until: now + 300_000,
      reason: 'circuit is not closed (HTTP 503)',
    });
    expect(pass(1)).toContain('waiting: circuit is not closed (HTTP 503); next try in 4 min 59 s');
    expect(pass(279)).toContain('next try in 20.0 s');
    // The probe goes out a moment later than it may.
    expect(pass(25)).toContain('next try in 0.0 s');
    answer();
    expect(pass(1)).not.toContain('waiting');
    progress.end();
    expect(pass(5)).toBe('');
  });

  it('log lines scroll above the drawing and none is lost; at the end the drawing is gone', () => {
    const { io, rows } = createScreen(true);
    const progress = createFetchProgress({ io, quiet: false, stop: stop.signal }, true);
    const log = createFetchLog({ io, quiet: false, verbose: false }, progress.write);
    for (let done = 1; done <= 20; done++)
      progress.onEvent({ type: 'head-scanned', product: `P${done}`, todo: 100, held: 0, done, total: 20 });
    expect(rows()).toEqual(['Scanned 20/20 products…']);
    progress.onEvent({ type: 'request-succeeded', product: 'P1', trades: 50, seconds: 1 });
    log.line('first line');
    log.line('second line');
    const wait = { type: 'waiting-for-exchange', until: Date.now() + 60_000, reason: 'HTTP 503' } as const;
    for (let i = 0; i < 30; i++) log.onEvent(wait);
    const seen = rows();
    expect(seen.slice(0, 2)).toEqual(['first line', 'second line']);
    expect(seen.filter((row) => row.includes('The exchange is in trouble: HTTP 503'))).toHaveLength(1);
    expect(seen.filter((row) => /^[█░]{50} /.test(row))).toHaveLength(1);
    expect(seen.at(-1)).toMatch(/^ {2}P\d+ /);
    progress.end();
    expect(rows()).toHaveLength(3);
  });

  it('piped: plain lines, every ten heads, no control characters', () => {
    const { io, rows } = createScreen(false);
    const progress = createFetchProgress({ io, quiet: false, stop: stop.signal }, true);
    for (let done = 1; done <= 25; done++)
      progress.onEvent({ type: 'head-scanned', product: `P${done}`, todo: 100, held: 0, done, total: 25 });
    progress.end();
    expect(rows()).toEqual(['Scanned 10/25 products…', 'Scanned 20/25 products…', 'Scanned 25/25 products…']);
  });
});
