import {
  type Column,
  CreateTableCommand,
  GetTableCommand,
  GlueClient,
  type TableInput,
  UpdateTableCommand,
} from '@aws-sdk/client-glue';
import type { Catalog, FolderCatalogOptions } from './catalog.js';
import { createGlueCatalog, type GlueApi, type GlueTable, type GlueTableInput } from './glue-catalog.js';

export {
  createGlueCatalog,
  type GlueApi,
  type GlueCatalogOptions,
  type GlueTable,
  type GlueTableInput,
} from './glue-catalog.js';

export interface AwsGlueOptions extends FolderCatalogOptions {
  /** A client of `@aws-sdk/client-glue`. Default: one for `region` and `endpoint`, with the credentials that the SDK finds. */
  readonly client?: GlueClient | undefined;
  readonly region?: string | undefined;
  /** Base URL of a stand-in for AWS. */
  readonly endpoint?: string | undefined;
  readonly database: string;
  readonly table: string;
  /** Account of the catalog. Default: the caller's. */
  readonly catalogId?: string | undefined;
}

function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

/** Members of a table that Glue returns but does not take. */
const INPUT_MEMBERS = [
  'Description',
  'Owner',
  'LastAccessTime',
  'LastAnalyzedTime',
  'Retention',
  'PartitionKeys',
  'ViewOriginalText',
  'ViewExpandedText',
  'TargetTable',
] as const;

function awsInput(name: string, input: GlueTableInput, base: GlueTable | undefined): TableInput {
  const columns = input.columns.map(
    ({ name: Name, type: Type, comment: Comment }): Column => ({
      Name,
      Type,
      ...(Comment === undefined ? {} : { Comment }),
    }),
  );
  return {
    ...base?.rest,
    Name: name,
    TableType: 'EXTERNAL_TABLE',
    Parameters: { ...input.parameters },
    StorageDescriptor: { Location: input.location, Columns: columns },
  };
}

/** `GlueApi` of one table on AWS. Errors of the SDK pass through, but for the answers that the port names. */
export function createAwsGlueApi(options: Omit<AwsGlueOptions, keyof FolderCatalogOptions>): GlueApi {
  const { database: DatabaseName, table, region, endpoint } = options;
  const client =
    options.client ??
    new GlueClient({ ...(region === undefined ? {} : { region }), ...(endpoint === undefined ? {} : { endpoint }) });
  const catalog = options.catalogId === undefined ? {} : { CatalogId: options.catalogId };
  return {
    getTable: async () => {
      try {
        const { Table } = await client.send(new GetTableCommand({ ...catalog, DatabaseName, Name: table }));
        if (Table === undefined) return undefined;
        const members = Table as unknown as Readonly<Record<string, unknown>>;
        const rest = Object.fromEntries(
          INPUT_MEMBERS.filter((name) => members[name] !== undefined).map((name) => [name, members[name]]),
        );
        return { versionId: Table.VersionId, parameters: { ...Table.Parameters }, rest };
      } catch (error) {
        if (isNamed(error, 'EntityNotFoundException')) return undefined;
        throw error;
      }
    },
    createTable: async (input) => {
      try {
        await client.send(
          new CreateTableCommand({ ...catalog, DatabaseName, TableInput: awsInput(table, input, undefined) }),
        );
        return 'created';
      } catch (error) {
        if (isNamed(error, 'AlreadyExistsException')) return 'exists';
        throw error;
      }
    },
    updateTable: async (input, base) => {
      try {
        await client.send(
          new UpdateTableCommand({
            ...catalog,
            DatabaseName,
            TableInput: awsInput(table, input, base),
            // Old versions of a table count towards a quota, and Iceberg keeps its own history.
            SkipArchive: true,
            ...(base.versionId === undefined ? {} : { VersionId: base.versionId }),
          }),
        );
        return 'updated';
      } catch (error) {
        if (isNamed(error, 'ConcurrentModificationException', 'VersionMismatchException')) return 'conflict';
        throw error;
      }
    },
  };
}

/** A table in the AWS Glue Data Catalog: see `createGlueCatalog`. */
export function createAwsGlueCatalog(options: AwsGlueOptions): Catalog {
  return createGlueCatalog({
    ...options,
    glue: createAwsGlueApi(options),
    name: `${options.database}.${options.table}`,
  });
}
