import { type Certificate, parseCertificate } from '@schemahub/audit/certificate';
import { type Layout, latestCommitNumber } from '@schemahub/lake';
import type { ObjectEntry, ObjectStore } from '@schemahub/object-store';

export interface Certificates {
  readonly newest: Certificate;
  /** Minutes since it was made. */
  readonly ageMinutes: number;
  /** The table has moved on since: the commit that it is at. */
  readonly latestCommit: number;
  /** The newest one that is at least a day old; undefined in a young lake. */
  readonly dayBefore: Certificate | undefined;
}

const DAY_MS = 86_400_000;

async function read(store: ObjectStore, key: string): Promise<Certificate> {
  const stored = await store.get(key);
  if (stored === undefined) throw new Error(`${store.location}: ${key} was listed and is gone. Run: schemahub verify`);
  return parseCertificate(JSON.parse(Buffer.from(stored.bytes).toString('utf8')));
}

interface Place {
  readonly store: ObjectStore;
  readonly layout: Layout;
  readonly nowMs: number;
}

async function entriesOf({ store, layout }: Place): Promise<ObjectEntry[]> {
  const entries: ObjectEntry[] = [];
  // Their names ascend with their commits.
  for await (const entry of store.list(layout.certificates)) entries.push(entry);
  return entries;
}

async function dayBeforeOf({ store, nowMs }: Place, entries: readonly ObjectEntry[]): Promise<Certificate | undefined> {
  const old = entries.findLast(({ modifiedAt }) => modifiedAt <= nowMs - DAY_MS);
  return old === undefined ? undefined : await read(store, old.key);
}

/** The newest certificate that is at least a day old; undefined in a young lake. */
export async function readDayBefore(place: Place): Promise<Certificate | undefined> {
  return await dayBeforeOf(place, await entriesOf(place));
}

/** What the lake says of itself. Throws with a sentence where no certificate was ever made. */
export async function readCertificates(place: Place): Promise<Certificates> {
  const { store, layout, nowMs } = place;
  const entries = await entriesOf(place);
  const last = entries.at(-1);
  if (last === undefined) {
    throw new Error(
      `${store.location}: there is no certificate, so nobody knows what is missing. Make one with: schemahub verify`,
    );
  }
  const newest = await read(store, last.key);
  return {
    newest,
    ageMinutes: (nowMs - Date.parse(newest.verified_at)) / 60_000,
    latestCommit: await latestCommitNumber(store, layout),
    dayBefore: await dayBeforeOf(place, entries),
  };
}
