// Stand-in exchanges as processes of their own.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { bundle, scratchFolder } from '../run-source.mjs';

/** Starts `schemahub simulate` with further arguments; resolves with its address. */
export async function startSimulator(cli, ...more) {
  const child = spawn(process.execPath, [cli, 'simulate', '--port', '0', '--no-rate-limit', ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const url = await new Promise((resolve, reject) => {
    const read = (chunk) => {
      text += chunk;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(text);
      if (found !== null) resolve(found[0]);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', () => reject(new Error(`the simulator ended: ${text}`)));
  });
  return { url, stop: () => child.kill() };
}

/** Starts the other venues' stand-ins; resolves with their addresses by the real ones. */
export async function startVenues() {
  const folder = scratchFolder();
  const program = await bundle('tools/strangers/serve-venues.mjs', folder);
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  const urls = await new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.endsWith('\n')) resolve(JSON.parse(text));
    });
    child.once('exit', () => reject(new Error(`the venues ended: ${text}`)));
  });
  const stop = () => {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { urls, stop };
}
