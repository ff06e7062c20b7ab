import type { TableSchema } from '@schemahub/columns';
import { LakeError, type Snapshot } from '@schemahub/lake';
import { type Mapping, mappingHash, schemaHash } from '@schemahub/mapping-engine';
import type { TableContext } from './context.js';
import { TableError } from './errors.js';
import { type RawProduct, sourceOfList } from './raw-product.js';

/** The schema, then without its newest nullable column, without the two newest, …: what it may have been before. */
function* earlierSchemas(schema: TableSchema): Generator<TableSchema> {
  let columns = schema.columns;
  for (;;) {
    yield { ...schema, columns };
    const newest = columns.reduce((a, b) => (b.fieldId > a.fieldId ? b : a));
    if (!newest.nullable || columns.length === 1) return;
    columns = columns.filter((column) => column !== newest);
  }
}

/** Whether the schema is that of the hash, or extends it by nullable columns: older rows read null there. */
function isSameSchema(schema: TableSchema, oldHash: string): boolean {
  for (const earlier of earlierSchemas(schema)) if (schemaHash(earlier) === oldHash) return true;
  return false;
}

/** Whether the mapping is that of the hash, or only adds rules for nullable columns that came later. */
function isSameMapping(mapping: Mapping, schema: TableSchema, oldHash: string): boolean {
  if (mappingHash(mapping) === oldHash) return true;
  for (const { columns } of earlierSchemas(schema)) {
    const names = new Set(columns.map(({ name }) => name));
    const rules = mapping.rules.filter(({ column }) => names.has(column));
    if (mappingHash({ ...mapping, rules }) === oldHash) return true;
  }
  return false;
}

/** Columns that committed files have and the schema in use lacks. */
function lackedColumns(base: Snapshot, schema: TableSchema): string[] {
  const known = new Set(schema.columns.map(({ name }) => name));
  const held = new Set(base.products.flatMap(({ files }) => files.flatMap(({ columns }) => columns)));
  return [...held].filter((name) => !known.has(name));
}

/**
 * Refuses a run whose mapping or schema is not the one that the table was made with: two meanings in one table.
 * `sources`: those that the run may write. Throws `TableError` `schema-changed` or `mapping-changed`.
 */
export function guardMeaning(
  context: TableContext,
  base: Snapshot | undefined,
  products: readonly RawProduct[],
  sources: readonly string[] = Object.keys(context.mappings),
): void {
  if (base === undefined || base.products.length === 0) return;
  if (!isSameSchema(context.schema, base.commit.schema_hash)) {
    const lacked = lackedColumns(base, context.schema);
    throw new TableError(
      'schema-changed',
      `The table in ${context.store.location} was made with other columns than ${context.schema.name} has now` +
        `${lacked.length > 0 ? ` (its files also hold ${lacked.join(', ')})` : ''}. Use the columns that it was made with (--decimals adds the exact ones), or re-derive it with: schemahub transform --rebuild`,
    );
  }
  const held = new Set(base.products.map((list) => sourceOfList(list, products)));
  for (const source of sources) {
    const mapping = context.mappings[source];
    const old = base.commit.mapping_hashes[source];
    if (mapping === undefined || old === undefined || !held.has(source) || isSameMapping(mapping, context.schema, old))
      continue;
    throw new TableError(
      'mapping-changed',
      `The mapping of ${source} is not the one that its rows in ${context.store.location} were made with. Use that one, or re-derive its rows with: schemahub transform --rebuild ${source}`,
    );
  }
}

/** Throws `LakeError` `pinned` while a rollback holds the table. */
export function refusePinned(base: Snapshot | undefined): void {
  const pinned = base?.commit.pinned ?? null;
  if (pinned === null) return;
  throw new LakeError(
    'pinned',
    `the table is pinned to snapshot ${pinned} by a rollback. Free it with: schemahub rollback --release (what was rolled back is added again), or schemahub transform --rebuild`,
  );
}

/** What a commit says about meaning: the hashes of the schema and of every mapping in use. */
export function meaningOf(
  context: TableContext,
  sources: Iterable<string>,
): { schemaHash: string; mappingHashes: Record<string, string> } {
  const mappingHashes: Record<string, string> = {};
  for (const source of sources) {
    const mapping = context.mappings[source];
    if (mapping !== undefined) mappingHashes[source] = mappingHash(mapping);
  }
  return { schemaHash: schemaHash(context.schema), mappingHashes };
}
