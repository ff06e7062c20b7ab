import { latestCommitNumber } from '@schemahub/lake';
import { UsageError } from '@schemahub/runtime/config';
import { type OpenLake, openLake, requireLake } from '@schemahub/runtime/lake';
import { openTable } from '@schemahub/runtime/table';
import { type CommandRun, type Invocation, isSet } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { withJobLease } from '../job-lease.js';
import { publishCommits } from '../publish.js';
import { bytesText, grouped, say, textTable } from '../text-table.js';

type Opened = Awaited<ReturnType<typeof openTable>>;

async function list(invocation: Invocation, { table }: Opened): Promise<number> {
  const { io } = invocation;
  const { current, snapshots } = await table.snapshots({ files: true });
  if (invocation.json) {
    const shown = snapshots.map(({ number, time, kind, pinned, rows, bytes, available, files }) => ({
      number,
      time,
      kind,
      pinned,
      rows,
      bytes,
      available,
      files: isSet(invocation, 'files') ? files : [],
    }));
    io.out(`${JSON.stringify({ current, snapshots: shown })}\n`);
    return exitCodes.complete;
  }
  const columns = [
    { title: 'number', align: 'right' },
    { title: 'time' },
    { title: 'kind' },
    { title: 'rows', align: 'right' },
    { title: 'bytes', align: 'right' },
    { title: 'files', align: 'right' },
    { title: 'state' },
  ] as const;
  const rows = snapshots.map((snapshot) => [
    String(snapshot.number),
    snapshot.time,
    snapshot.kind,
    grouped(snapshot.rows),
    bytesText(snapshot.bytes),
    grouped(snapshot.files.length),
    [
      snapshot.number === current ? 'current' : '',
      snapshot.pinned === null ? '' : `pinned to ${snapshot.pinned}`,
      snapshot.available ? '' : 'retired',
    ]
      .filter(Boolean)
      .join(', '),
  ]);
  io.out(textTable(columns, rows, io.isTerminal ? io.columns : 200));
  if (isSet(invocation, 'files')) {
    for (const file of snapshots.find(({ number }) => number === current)?.files ?? [])
      say(
        io,
        `${file.path}  ${grouped(file.rows)} rows  ${bytesText(file.bytes)}  ids ${file.ids}  sha256 ${file.sha256}\n`,
      );
  }
  return exitCodes.complete;
}

/** The snapshot that `rollback` names; undefined with `--release`. Refused before a lease is taken. */
async function rollbackTarget(invocation: Invocation, lake: OpenLake): Promise<number | undefined> {
  const [text] = invocation.args;
  if (isSet(invocation, 'release')) {
    if (text !== undefined) throw new UsageError('rollback: expected a number or --release, got both.');
    return undefined;
  }
  if (text === undefined || !/^[1-9]\d{0,14}$/.test(text))
    throw new UsageError(
      `rollback: expected the number of a snapshot, got ${text === undefined ? 'none' : JSON.stringify(text)}. List them with: schemahub snapshots`,
    );
  const latest = await latestCommitNumber(lake.store, lake.layout);
  if (Number(text) > latest)
    throw new UsageError(
      `rollback ${text}: the latest snapshot of ${lake.store.location} is ${latest}. List them with: schemahub snapshots`,
    );
  return Number(text);
}

async function back({ io }: Invocation, { table }: Opened, target: number | undefined): Promise<void> {
  if (target === undefined) {
    const { commit } = await table.release();
    io.err(
      commit === undefined
        ? 'the table is not pinned; nothing to release\n'
        : `commit ${commit}: the table is free again; the next transform adds what was rolled back\n`,
    );
    return;
  }
  const { commit } = await table.rollback(target);
  io.err(
    `commit ${commit ?? '-'}: the table shows snapshot ${target} and is pinned to it. Free it with: schemahub rollback --release\n`,
  );
}

/** `snapshots` and `rollback`. */
export const run: CommandRun = async (invocation) => {
  const lake = await openLake({ config: invocation.config, clock: invocation.io.clock, dryRun: invocation.dryRun });
  await requireLake(lake);
  const opened = await openTable({ lake, config: invocation.config, stop: invocation.stop, withoutMappings: true });
  if (invocation.command === 'snapshots') return await list(invocation, opened);
  const target = await rollbackTarget(invocation, lake);
  return await withJobLease({ ...invocation, command: 'transform' }, lake, async () => {
    await back(invocation, opened, target);
    return (await publishCommits(invocation, lake)).code;
  });
};
