import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { watchOutput } from './output.js';

/** A stream whose every write fails with a code. */
function failing(code: string): Writable {
  return new Writable({
    autoDestroy: false,
    write: (_part, _encoding, done) => done(Object.assign(new Error(`${code}: write`), { code })),
  });
}

describe('the output of the program', () => {
  it('whose reader went away ends it quietly', async () => {
    const codes: number[] = [];
    const stdout = failing('EPIPE');
    watchOutput({ stdout, stderr: new PassThrough() }, (code) => codes.push(code));
    stdout.write('a row');
    await new Promise((done) => setImmediate(done));
    expect(codes[0]).toBe(141);
  });

  it('that cannot be written is told at the end; what is sound is not', async () => {
    const stdout = failing('ENOSPC');
    const output = watchOutput({ stdout, stderr: new PassThrough() }, () => undefined);
    stdout.write('a row');
    expect(await output.settled()).toMatch(/could not be written whole: ENOSPC/);
    const sound = watchOutput({ stdout: new PassThrough(), stderr: new PassThrough() }, () => undefined);
    expect(await sound.settled()).toBeUndefined();
  });

  it('of progress that nobody reads ends nothing', () => {
    const stderr = failing('EPIPE');
    watchOutput({ stdout: new PassThrough(), stderr }, () => {
      throw new Error('must not end');
    });
    expect(stderr.listenerCount('error')).toBe(1);
  });
});
