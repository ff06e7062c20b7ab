import type { IcebergSnapshot, TableMetadata } from './metadata.js';

/** Which snapshots stay. What a branch or tag names always stays. */
export interface Retention {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Snapshots up to this age stay, ms. */
  readonly keepMs: number;
  /** The newest so many stay, whatever their age. */
  readonly keepSnapshots: number;
  /** No more than so many stay, whatever their age: metadata is written whole at each commit. */
  readonly maxSnapshots: number;
}

export const DAY_MS = 86_400_000;
export const defaultRetention: Omit<Retention, 'now'> = {
  keepMs: 7 * DAY_MS,
  keepSnapshots: 10,
  maxSnapshots: 100,
};

/** The metadata without snapshots that are not to stay, and which went. Pure. */
export function expireSnapshots(
  metadata: TableMetadata,
  retention: Retention,
): { readonly metadata: TableMetadata; readonly expired: readonly IcebergSnapshot[] } {
  const newestFirst = [...metadata.snapshots].sort((a, b) =>
    a['sequence-number'] < b['sequence-number'] ? 1 : a['sequence-number'] > b['sequence-number'] ? -1 : 0,
  );
  const named = new Set(Object.values(metadata.refs).map((ref) => ref['snapshot-id']));
  const kept = new Set(
    newestFirst
      .filter((snapshot, at) => {
        const isYoung = retention.now - snapshot['timestamp-ms'] <= retention.keepMs;
        const isKept = at < retention.keepSnapshots || (isYoung && at < retention.maxSnapshots);
        return isKept || named.has(snapshot['snapshot-id']);
      })
      .map((snapshot) => snapshot['snapshot-id']),
  );
  const expired = metadata.snapshots.filter((snapshot) => !kept.has(snapshot['snapshot-id']));
  if (expired.length === 0) return { metadata, expired };
  const log = metadata['snapshot-log'];
  // Entries before a snapshot that went must go, too: they would tell a history with a gap.
  const lastGap = log.findLastIndex((entry) => !kept.has(entry['snapshot-id']));
  const withoutExpired = (name: string): object => {
    const held = (metadata as unknown as Record<string, unknown>)[name];
    if (!Array.isArray(held)) return {};
    return {
      [name]: held.filter((entry: { 'snapshot-id'?: number | bigint }) => kept.has(BigInt(entry['snapshot-id'] ?? -1))),
    };
  };
  return {
    metadata: {
      ...metadata,
      ...withoutExpired('statistics'),
      ...withoutExpired('partition-statistics'),
      snapshots: metadata.snapshots.filter((snapshot) => kept.has(snapshot['snapshot-id'])),
      'snapshot-log': log.slice(lastGap + 1),
    },
    expired,
  };
}
