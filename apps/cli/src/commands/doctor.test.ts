import { afterEach, describe, expect, it } from 'vitest';
import { exitCodes } from '../exit-codes.js';
import { createWorld, type World } from '../testing/virtual-run.js';

let world: World | undefined;
afterEach(async () => {
  await world?.remove();
});

/** An exchange whose clock differs from ours by so many seconds; undefined: it sends no Date. */
async function doctor(seconds: number | undefined, options: { columns?: number; isTerminal?: boolean } = {}) {
  world = await createWorld({
    products: [{ id: 'BTC-USD', trades: 10 }],
    alter: (answer) => {
      const headers = new Headers(answer.headers);
      if (seconds === undefined) headers.delete('date');
      else headers.set('date', new Date(Date.parse(headers.get('date')!) + seconds * 1000).toUTCString());
      return new Response(answer.body, { status: answer.status, headers });
    },
  });
  return await world.run(['doctor'], options);
}

describe('doctor compares this computer’s clock with the exchange’s', () => {
  it.each([-29, 0, 29])('%i s: well', async (seconds) => {
    const { code, out } = await doctor(seconds);
    expect(out).toMatch(/^ok {3}clock +within \d+ s of the exchange's$/m);
    expect(code).toBe(exitCodes.complete);
  });

  it.each([
    [-95, '1 min 35 s ahead of'],
    [95, '1 min 35 s behind'],
    [7200, '2 h 00 min behind'],
  ])('%i s: a sentence with the remedy, exit 1', async (seconds, how) => {
    const { code, out } = await doctor(seconds);
    expect(out).toContain(`FAIL clock     this computer's clock is ${how} the exchange's (`);
    expect(out).toContain('timedatectl set-ntp true');
    expect(code).toBe(exitCodes.error);
  });

  it('an exchange that sends no time is no fault of this computer', async () => {
    const { code, out } = await doctor(undefined);
    expect(out).toContain('not compared: the exchange sends no Date');
    expect(code).toBe(exitCodes.complete);
  });

  it('in a terminal of 80 columns no line is wider, and no word is cut', async () => {
    const { out } = await doctor(95, { columns: 80, isTerminal: true });
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(out.replace(/\n {15}/g, ' ')).toContain('Set it by network time: timedatectl set-ntp true (Linux)');
  });
});
