import type { S3RequestFacts } from '@schemahub/object-store/s3';

/** What a run asked of AWS: requests by operation, bytes. Grows while the run works. */
export interface Traffic {
  readonly s3: Record<string, number>;
  readonly dynamodb: Record<string, number>;
  sentBytes: number;
  receivedBytes: number;
}

export function createTraffic(): Traffic {
  return { s3: {}, dynamodb: {}, sentBytes: 0, receivedBytes: 0 };
}

export function countS3(traffic: Traffic, { operation, sent, received }: S3RequestFacts): void {
  traffic.s3[operation] = (traffic.s3[operation] ?? 0) + 1;
  traffic.sentBytes += sent;
  traffic.receivedBytes += received;
}

export function countDynamo(traffic: Traffic, operation: string): void {
  traffic.dynamodb[operation] = (traffic.dynamodb[operation] ?? 0) + 1;
}

/** Adds what another thread asked of AWS. */
export function addTraffic(traffic: Traffic, more: Traffic): void {
  for (const service of ['s3', 'dynamodb'] as const)
    for (const [operation, count] of Object.entries(more[service]))
      traffic[service][operation] = (traffic[service][operation] ?? 0) + count;
  traffic.sentBytes += more.sentBytes;
  traffic.receivedBytes += more.receivedBytes;
}

export type PriceName = 's3Write' | 's3Read' | 's3GbMonth' | 'dynamoWrite' | 'dynamoRead';

/**
 * Dollars of AWS, us-east-1, on demand, without tax and free tier.
 * Sources and days, one for each: docs/cost.md, compared with this by a test.
 */
export const prices: Readonly<Record<PriceName, number>> = {
  /** PUT, POST, LIST, COPY, a request. */
  s3Write: 0.005 / 1000,
  /** GET, HEAD and the rest, a request. */
  s3Read: 0.0004 / 1000,
  /** A GB and month, Standard. */
  s3GbMonth: 0.023,
  /** A write of up to 1 KB. */
  dynamoWrite: 0.625 / 1_000_000,
  /** A strongly consistent read of up to 4 KB. */
  dynamoRead: 0.125 / 1_000_000,
};

const S3_WRITES = new Set([
  'PutObject',
  'ListObjectsV2',
  'CreateMultipartUpload',
  'UploadPart',
  'CompleteMultipartUpload',
]);
/** Deletes and aborts cost nothing. */
const S3_FREE = new Set(['DeleteObjects', 'AbortMultipartUpload']);

export interface TrafficCost {
  readonly s3Writes: number;
  readonly s3Reads: number;
  readonly dynamoWrites: number;
  readonly dynamoReads: number;
  /** Of the requests alone; keeping bytes is charged by the month. */
  readonly dollars: number;
}

/** What the requests of a run cost. */
export function costOf({ s3, dynamodb }: Pick<Traffic, 's3' | 'dynamodb'>): TrafficCost {
  let [s3Writes, s3Reads, dynamoWrites, dynamoReads] = [0, 0, 0, 0];
  for (const [operation, count] of Object.entries(s3)) {
    if (S3_WRITES.has(operation)) s3Writes += count;
    else if (!S3_FREE.has(operation)) s3Reads += count;
  }
  for (const [operation, count] of Object.entries(dynamodb)) {
    if (operation === 'GetItem') dynamoReads += count;
    else dynamoWrites += count;
  }
  const dollars =
    s3Writes * prices.s3Write +
    s3Reads * prices.s3Read +
    dynamoWrites * prices.dynamoWrite +
    dynamoReads * prices.dynamoRead;
  return { s3Writes, s3Reads, dynamoWrites, dynamoReads, dollars };
}

/** Requests around one raw object of a backfill: the object, its checkpoint, a share of data files, commits and listings. */
const WRITES_AN_OBJECT = 6;
const READS_AN_OBJECT = 10;
/** Listings, heads and leases of a product, however little is fetched of it. */
const WRITES_A_PRODUCT = 12;

/** What it costs to fetch trades into S3 and to add them to the table, with the first month of keeping them. */
export function backfillDollars(options: {
  readonly objects: number;
  readonly products: number;
  /** Raw and Parquet together. */
  readonly bytes: number;
}): number {
  const { objects, products, bytes } = options;
  return (
    (objects * WRITES_AN_OBJECT + products * WRITES_A_PRODUCT) * prices.s3Write +
    objects * READS_AN_OBJECT * prices.s3Read +
    (bytes / 1e9) * prices.s3GbMonth
  );
}
