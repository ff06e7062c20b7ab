import { spawn, spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';

/** Starts moto with the gaps closed that our suites meet (the tool lies beside the checkout); undefined if it does not come up. */
export function startMoto({ root, log, port }) {
  const program = join(root, '../shared/tools/moto_plus.py');
  const file = openSync(log, 'w');
  const child = spawn('python3', [program, '127.0.0.1', String(port)], { stdio: ['ignore', file, file] });
  const look = `fetch('http://127.0.0.1:${port}/moto-api/').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;
  for (let looks = 0; looks < 60; looks++) {
    if (spawnSync(process.execPath, ['-e', look]).status === 0) return child;
    spawnSync('sleep', ['0.5']);
  }
  child.kill('SIGKILL');
  return undefined;
}

/** The AWS suites (*.moto.test.ts) against an independent implementation of AWS. */
export function motoSuites({ root, scratch, say, one, run, reporters, countVitest }) {
  say('moto (*.moto.test.ts)');
  const port = 5000 + (process.pid % 1000);
  const server = startMoto({ root, log: join(scratch, 'moto.log'), port });
  if (!one('moto is up', server !== undefined)) return;
  try {
    const report = join(scratch, 'moto.json');
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const args = ['run', '--config', 'vitest.moto.config.ts', ...reporters(report)];
    const { ok } = run(process.execPath, [vitest, ...args], { env: { MOTO_URL: `http://127.0.0.1:${port}` } });
    countVitest('the moto suites', report, ok);
  } finally {
    server.kill('SIGKILL');
  }
}
