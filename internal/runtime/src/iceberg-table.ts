import { createHash } from 'node:crypto';
import { tradesUnified } from '@schemahub/core';
import { type Catalog, type IcebergTable, locationOf, openIcebergTable, schemaOf } from '@schemahub/iceberg';
import type { Config } from './config.js';
import { UsageError } from './errors.js';
import { tradesOrder, tradesSpec } from './iceberg-files.js';
import type { OpenLake } from './lake.js';

/** Properties of every table that this program publishes. */
const PROPERTIES: Readonly<Record<string, string>> = {
  'write.format.default': 'parquet',
  // Data files belong to the lake's commits: no engine may delete them, whatever it expires or drops.
  'gc.enabled': 'false',
};

export interface PublishOptions {
  readonly lake: OpenLake;
  readonly config: Config;
  /** Put the newest commit in the place of whatever another engine made current. Default false: that is refused. */
  readonly replace?: boolean | undefined;
  /** The lake keeps writes to itself, so Glue must not be told of them. Default false. */
  readonly dryRun?: boolean | undefined;
}

export interface TablePlace {
  readonly lake: OpenLake;
  readonly config: Config;
  /** Key of the table's folder, without a slash at the end. */
  readonly prefix: string;
  /** Never tell Glue. */
  readonly dryRun: boolean;
  /** Name in Glue. */
  readonly name: string;
}

/** Whether commits are published at all. */
export function isPublishing(config: Config): boolean {
  return config.text('iceberg') !== 'none';
}

async function glueCatalog({ lake, config, prefix, name }: TablePlace): Promise<Catalog> {
  const location = locationOf(lake.store, prefix);
  if (!location.startsWith('s3://'))
    throw new UsageError(
      `--iceberg glue: AWS Glue names tables on S3 only, and the lake is ${lake.store.location}. Use --iceberg folder.`,
    );
  // Only here: the AWS SDK is not loaded for anything else.
  const { createAwsGlueCatalog } = await import('@schemahub/iceberg/glue');
  return createAwsGlueCatalog({
    store: lake.store,
    prefix,
    location,
    database: config.text('athena-database'),
    table: name,
    region: config.text('aws-region'),
    endpoint: config.optionalText('aws-endpoint'),
  });
}

export async function openPlace(place: TablePlace): Promise<IcebergTable> {
  const { lake, config, prefix, dryRun } = place;
  const catalog = config.text('iceberg') === 'glue' && !dryRun ? { catalog: await glueCatalog(place) } : {};
  return openIcebergTable({ store: lake.store, prefix, ...catalog });
}

/** The Iceberg face of trades_unified: metadata lies beside the commits. */
export async function openTrades(lake: OpenLake, config: Config, dryRun = false): Promise<IcebergTable> {
  return await openPlace({ lake, config, dryRun, prefix: lake.layout.unified.slice(0, -1), name: tradesUnified.name });
}

/** A UUID made of a text, so that publishers that begin at the same moment begin the same table. */
function uuidOf(text: string): string {
  const hash = createHash('sha256').update(text).digest('hex');
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

/** Options of a new trades table; `seed` is what makes it unlike any other. */
export function newTradesTable(seed: string, timestampMs: number): Parameters<IcebergTable['create']>[0] {
  return {
    uuid: uuidOf(`trades_unified ${seed}`),
    schema: schemaOf(tradesUnified),
    spec: tradesSpec,
    sortOrder: tradesOrder,
    properties: PROPERTIES,
    timestampMs,
  };
}

export { PROPERTIES as tableProperties, uuidOf };
