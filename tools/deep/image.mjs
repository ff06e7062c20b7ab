// infra/docker/Dockerfile built and run without an engine: buildah builds it as it stands, runc runs it. The official base image
// cannot be fetched here; its stand-in is made of Debian packages and this machine's Node. Needs root, as a CI machine gives it.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { bundle } from '../run-source.mjs';
import { startSimulator } from '../strangers/simulator.mjs';

const BASE = 'docker.io/library/node:22-bookworm-slim';
const USER = 1000;
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/** Debian's tools; true if they are there afterwards. */
function tools(run) {
  const names = ['buildah', 'runc', 'mmdebstrap'];
  const have = () => names.every((name) => spawnSync('which', [name]).status === 0);
  if (!have()) {
    run('apt-get', ['update', '-qq']);
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names]);
  }
  return have();
}

/** Debian's own sources, so that mmdebstrap asks the mirror that apt asks. */
function aptSources() {
  const lists = [
    '/etc/apt/sources.list',
    ...readdirSync('/etc/apt/sources.list.d').map((name) => `/etc/apt/sources.list.d/${name}`),
  ];
  return lists.filter((path) => existsSync(path) && readFileSync(path, 'utf8').trim() !== '');
}

/** The stand-in for the official base image: Debian, Node, npm, user `node`. */
function makeBase({ scratch, run, buildah }) {
  const archive = join(scratch, 'base.tar');
  const script = [
    'ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
    'ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx',
    `useradd --uid ${USER} --create-home node`,
  ].join(' && ');
  const node = realpathSync(process.execPath);
  const npm = join(dirname(dirname(node)), 'lib/node_modules/npm');
  if (
    !run('mmdebstrap', [
      '--quiet',
      '--variant=minbase',
      '--include=ca-certificates',
      'bookworm',
      archive,
      ...aptSources(),
    ]).ok
  )
    return false;
  const container = buildah('from', 'scratch').text.trim();
  const steps = [
    ['add', '--quiet', container, archive, '/'],
    ['copy', '--quiet', container, node, '/usr/local/bin/node'],
    ['copy', '--quiet', container, npm, '/usr/local/lib/node_modules/npm'],
    // Whoever stands between this machine and npm, npm in the image must know as well.
    ...(existsSync(CERTIFICATES)
      ? [
          ['copy', '--quiet', container, CERTIFICATES, CERTIFICATES],
          ['config', '--env', `NODE_EXTRA_CA_CERTS=${CERTIFICATES}`, container],
        ]
      : []),
    ['run', '--isolation', 'chroot', container, '--', 'sh', '-c', script],
    ['commit', '--quiet', '--rm', container, BASE],
  ];
  return steps.every((args) => buildah(...args).ok);
}

/** A program that runs in a container made from the image's file system, on the host's network. */
function container({ scratch, rootfs, config, lake, args, env }) {
  const id = `schemahub-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  const bundle = join(scratch, id);
  mkdirSync(bundle);
  const own = config.Env.map((text) => text.split('=')[0]);
  const spec = {
    ociVersion: '1.0.2',
    root: { path: rootfs, readonly: true },
    process: {
      user: { uid: USER, gid: USER },
      cwd: config.WorkingDir,
      args,
      env: [
        ...config.Env,
        ...Object.entries(env)
          .filter(([name]) => !own.includes(name))
          .map(([name, value]) => `${name}=${value}`),
      ],
      noNewPrivileges: true,
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
      { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'mode=1777'] },
      { destination: '/lake', type: 'bind', source: lake, options: ['bind', 'rw'] },
    ],
    linux: { namespaces: ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })) },
  };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
  const child = spawn('runc', ['run', '--bundle', bundle, id], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  const watchers = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part) => {
      text += part;
      for (const look of watchers) look();
    });
  const ended = new Promise((resolve) => child.once('close', (code) => resolve({ code, text })));
  return {
    ended,
    seen: (pattern) =>
      new Promise((resolve) => {
        const look = () => (pattern.test(text) ? resolve(true) : undefined);
        watchers.push(look);
        look();
        void ended.then(() => resolve(pattern.test(text)));
      }),
    signal: (name) => spawnSync('runc', ['kill', id, name]),
  };
}

/** Every object of a lake that a person may want to see, as a count. */
function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

export async function image({ root, scratch, cli, say, one, run }) {
  say('infra/docker');
  if (!one('buildah, runc and mmdebstrap are there', tools(run))) return;
  const storage = ['--root', join(scratch, 'images'), '--runroot', join(scratch, 'images-run')];
  const buildah = (...args) =>
    run('buildah', [...storage, ...args], { env: { STORAGE_DRIVER: 'vfs' }, stdout: 'pipe', minutes: 8 });
  if (!one('a stand-in for the base image', makeBase({ scratch, run, buildah }))) return;
  const npmrc = join(homedir(), '.npmrc');
  const secret = existsSync(npmrc) ? ['--secret', `id=npmrc,src=${npmrc}`] : [];
  const built = buildah(
    'bud',
    '--pull-never',
    '--format',
    'docker',
    '--isolation',
    'chroot',
    '--layers=false',
    ...secret,
    '--file',
    join(root, 'infra/docker/Dockerfile'),
    '--tag',
    'schemahub:dev',
    root,
  );
  if (!built.ok) console.log(built.text.slice(-4000));
  if (!one('the Dockerfile builds as it stands', built.ok)) return;
  const made = buildah('from', '--pull-never', 'schemahub:dev').text.trim();
  const rootfs = buildah('mount', made).text.trim();
  const { config } = JSON.parse(buildah('inspect', '--type', 'image', 'schemahub:dev').text).Docker;
  const bytes = Number(spawnSync('du', ['-sb', join(rootfs, 'app')], { encoding: 'utf8' }).stdout.split('\t')[0]);
  console.log(`/app: ${Math.round(bytes / 1e6)} MB`);
  one('the program and what it needs have at most 150 MB', bytes < 150e6);
  one('it is not root’s to run', config.User === `${USER}:${USER}` && config.StopSignal === 'SIGTERM');
  one(
    'no registry, key or source is left in it',
    !filesBelow(join(rootfs, 'app')).some((path) => /\.npmrc$|\/src\/.*\.test\.ts$/.test(path)) &&
      !existsSync(join(rootfs, 'src')) &&
      !existsSync(join(rootfs, 'root/.npmrc')),
  );

  const lake = join(scratch, 'image-lake');
  mkdirSync(lake);
  chownSync(lake, USER, USER);
  chmodSync(scratch, 0o755);
  const simulator = await startSimulator(cli, '--products', 'BTC-USD:60000,ETH-USD:5000');
  const start = (args, env = {}) =>
    container({ scratch, rootfs, config, lake, args, env: { COINBASE_API_URL: simulator.url, ...env } });
  const command = (...args) => start([...config.Entrypoint, ...args]);
  try {
    const look =
      "const fs=require('fs');const t=p=>{try{fs.writeFileSync(p,'x');return 'written'}catch(e){return e.code}};console.log(JSON.stringify([process.pid,process.getuid(),t('/x'),t('/app/x'),t('/etc/x'),t('/lake/x'),t('/tmp/x')]))";
    const inside = await start(['node', '-e', look]).ended;
    console.log(`pid, uid, then writes to /, /app, /etc, /lake, /tmp: ${inside.text.trim()}`);
    one(
      'it runs as node, on a root that nobody can write to',
      inside.text.trim() === JSON.stringify([1, USER, 'EROFS', 'EROFS', 'EROFS', 'written', 'written']),
    );
    rmSync(join(lake, 'x'), { force: true });
    one('its health check passes', (await start(config.Healthcheck.Test.slice(1)).ended).code === 0);
    one(
      'an exit code gets out: 2 for a wrong command line',
      (await command('ingest', '--limit', 'x').ended).code === 2,
    );

    // Slow enough to be stopped in the midst of it: 60 windows at 4 a second.
    const running = command('backfill', 'BTC-USD', '--rate', '4', '--object-trades', '5000');
    await until(() => filesBelow(join(lake, 'raw_coinbase_trades')).length > 0, running.ended);
    running.signal('TERM');
    const stopped = await running.ended;
    if (stopped.code !== 143) console.log(stopped.text.slice(-2000));
    const checkpoint = join(lake, 'checkpoints/coinbase/BTC-USD.json');
    const held = existsSync(checkpoint) ? JSON.parse(readFileSync(checkpoint, 'utf8')).trades_processed : 0;
    console.log(`stopped with ${held} trades in the checkpoint`);
    one('SIGTERM ends a backfill with 143 and a checkpoint', stopped.code === 143 && held > 0 && held < 60_000);
    for (const args of [['backfill', 'BTC-USD', '--rate', '200'], ['transform'], ['verify']]) {
      const { code, text } = await command(...args).ended;
      if (code !== 0) console.log(text.slice(-2000));
      one(`another container goes on: ${args[0]} ends 0`, code === 0);
    }
    // The same into S3: a stand-in that checks signatures and checksums, in this process.
    const { startS3Sim } = await import(await bundle('internal/aws-sim/src/s3-server.ts', scratch));
    const s3 = await startS3Sim({ buckets: ['lake'] });
    const env = {
      AWS_ENDPOINT_URL: s3.endpoint,
      AWS_REGION: s3.region,
      AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
      S3_BUCKET: 'lake',
    };
    for (const args of [
      ['ingest', 'BTC-USD', 'ETH-USD', '--rate', '200'],
      ['transform', '--threads', '2'],
      ['verify'],
    ]) {
      const { code, text } = await start([...config.Entrypoint, ...args], env).ended;
      if (code !== 0) console.log(text.slice(-2000));
      one(`into S3: ${args[0]} ends 0`, code === 0);
    }
    one(
      'the lake is in the bucket',
      s3.requests.some(({ key }) => key.startsWith('schemahub/unified_trades/commits/')),
    );
    await s3.close();
  } finally {
    simulator.stop();
    buildah('umount', made);
    buildah('rm', '--all');
  }
}

/** Looks until something holds or the program has ended. */
async function until(holds, ended) {
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  while (!isOver && !holds()) await new Promise((resolve) => setTimeout(resolve, 100));
}
