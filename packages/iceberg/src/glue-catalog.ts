import {
  type Catalog,
  type CatalogEntry,
  createFolderCatalog,
  type FolderCatalogOptions,
  readMetadataAt,
  versionOfUri,
} from './catalog.js';
import { IcebergError } from './errors.js';
import { plainUri } from './location.js';
import { schemaById } from './metadata.js';
import type { IcebergField, IcebergType } from './types.js';

/** A table as AWS Glue keeps it, as far as Iceberg uses it. */
export interface GlueTable {
  /** Changes with every update; Glue compares it. */
  readonly versionId: string | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  /** The rest, handed back unchanged by an update. */
  readonly rest: Readonly<Record<string, unknown>>;
}

export interface GlueTableInput {
  readonly location: string;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly comment: string | undefined }[];
  readonly parameters: Readonly<Record<string, string>>;
}

/** What the catalog needs of Glue, for one table. Members throw what is neither answer. */
export interface GlueApi {
  readonly getTable: () => Promise<GlueTable | undefined>;
  readonly createTable: (input: GlueTableInput) => Promise<'created' | 'exists'>;
  /** `conflict` when the table has another version by now. */
  readonly updateTable: (input: GlueTableInput, base: GlueTable) => Promise<'updated' | 'conflict'>;
}

export interface GlueCatalogOptions extends FolderCatalogOptions {
  readonly glue: GlueApi;
  /** For people: `database.table`. */
  readonly name: string;
}

const TRIES = 10;

/** Hive's names of the types: what Athena and Glue show. */
export function hiveType(type: IcebergType): string {
  if (typeof type === 'string') {
    const plain: Readonly<Record<string, string>> = {
      long: 'bigint',
      time: 'string',
      timestamptz: 'timestamp',
      uuid: 'string',
    };
    return plain[type] ?? (type.startsWith('fixed') ? 'binary' : type.replace(/\s+/g, ''));
  }
  if (type.type === 'list') return `array<${hiveType(type.element)}>`;
  if (type.type === 'map') return `map<${hiveType(type.key)},${hiveType(type.value)}>`;
  return `struct<${type.fields.map(({ name, type: member }) => `${name}:${hiveType(member)}`).join(',')}>`;
}

function inputOf(entry: CatalogEntry, before: GlueTable | undefined): GlueTableInput {
  const { metadata, metadataLocation } = entry;
  const previous = before?.parameters.metadata_location;
  return {
    location: metadata.location,
    columns: schemaById(metadata).fields.map(({ name, type, doc }: IcebergField) => ({
      name,
      type: hiveType(type),
      comment: doc,
    })),
    parameters: {
      ...before?.parameters,
      table_type: 'ICEBERG',
      metadata_location: metadataLocation,
      ...(previous === undefined ? {} : { previous_metadata_location: previous }),
    },
  };
}

/**
 * AWS Glue beside a folder catalog. The commit is still the create of `v{n}.metadata.json` in the store; Glue's
 * `metadata_location`, which Athena, Spark and Trino follow, is moved there afterwards with Glue's own version check and
 * never back. A pointer that a crash left behind is moved by the next run. A pointer that another engine moved to a
 * metadata file of its own is what `load` gives, so that its snapshot is seen and told.
 */
export function createGlueCatalog(options: GlueCatalogOptions): Catalog {
  const { glue, location, name } = options;
  const folder = createFolderCatalog(options);
  /** The n of Glue's pointer when it is a file of our own chain. */
  const ownVersion = (uri: string): number | undefined =>
    plainUri(uri).startsWith(`${plainUri(location)}/metadata/`) ? versionOfUri(uri) : undefined;
  const pointerOf = (table: GlueTable): string => {
    const { table_type: kind, metadata_location: pointer } = table.parameters;
    if (kind?.toUpperCase() !== 'ICEBERG' || pointer === undefined)
      throw new IcebergError(
        'catalog',
        `Glue table ${name}: exists and is no Iceberg table. Choose another name, or drop it.`,
      );
    return pointer;
  };
  const load = async (): Promise<CatalogEntry | undefined> => {
    const table = await glue.getTable();
    const entry = await folder.load();
    if (table === undefined) return entry;
    const pointer = pointerOf(table);
    const own = ownVersion(pointer);
    if (own !== undefined && own <= (entry?.version ?? 0)) return entry;
    return {
      metadataLocation: pointer,
      version: Math.max(entry?.version ?? 0, own ?? 0),
      metadata: await readMetadataAt(options, pointer),
    };
  };
  /** Whether the entry was made on what the pointer names. */
  const isBasedOn = (entry: CatalogEntry, pointer: string): boolean =>
    entry.metadata['metadata-log'].at(-1)?.['metadata-file'] === pointer;
  const sync = async (entry: CatalogEntry): Promise<void> => {
    await folder.sync(entry);
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const table = await glue.getTable();
      if (table === undefined) {
        if ((await glue.createTable(inputOf(entry, undefined))) === 'created') return;
        continue;
      }
      const pointer = pointerOf(table);
      if (pointer === entry.metadataLocation) return;
      const own = ownVersion(pointer);
      if (own !== undefined && own >= entry.version) return;
      if (own === undefined && !isBasedOn(entry, pointer))
        throw new IcebergError('conflict', `Glue table ${name}: another engine committed ${pointer} meanwhile.`);
      // An answer lost by a retry looks like a conflict: the next look at the pointer tells.
      if ((await glue.updateTable(inputOf(entry, table), table)) === 'updated') return;
    }
    throw new IcebergError(
      'catalog',
      `Glue table ${name}: its version changed ${TRIES} times while its pointer was to be moved.`,
      {
        retryable: true,
      },
    );
  };
  return { name: `Glue table ${name}`, load, commit: folder.commit, sync };
}
