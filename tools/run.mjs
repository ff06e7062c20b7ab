// `npm start` and `npm test` on a fresh clone: only Node and npm are needed; pnpm comes through npx at the pinned version.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const { packageManager, engines } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `SchemaHub needs Node ${engines.node}; this is ${process.version}. Install a newer Node and run the command again.`,
  );
  process.exit(1);
}

const quiet = { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', npm_config_update_notifier: 'false' };

function pnpm(...args) {
  const result = spawnSync('npx', ['--yes', packageManager, ...args], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: { ...process.env, ...quiet },
  });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

const [task = 'start', ...rest] = process.argv.slice(2);
// The first time this takes a minute or two, in which a terminal should not look dead.
const isFirst = !existsSync(new URL('node_modules/.modules.yaml', root)) && process.stderr.isTTY;
if (isFirst) process.stderr.write('Installing what package.json names …');
pnpm('install', '--frozen-lockfile', '--prefer-offline', '--reporter=append-only', '--loglevel=warn');
if (isFirst) process.stderr.write('\r\u001b[K');
pnpm('--silent', 'run', `ci:${task}`, ...rest);
