// The stand-in exchange as a process of its own.
import { spawn } from 'node:child_process';

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
