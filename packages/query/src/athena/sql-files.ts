import { assetColumns, type Question, type QuestionDialect, type QuestionValues, questions } from '../questions.js';

/** Athena's engine 3 (Trino). https://docs.aws.amazon.com/athena/latest/ug/functions-env3.html */
export const athenaDialect: QuestionDialect = {
  idNumber: (id) => `TRY_CAST(${id} AS bigint)`,
  // A row with a null member cannot be compared.
  first: (value, time, id) => `min_by(${value}, ROW(${time}, coalesce(${id}, -1)))`,
  last: (value, time, id) => `max_by(${value}, ROW(${time}, coalesce(${id}, -1)))`,
  bucket: (seconds, time) => `from_unixtime(floor(to_unixtime(${time}) / ${seconds}) * ${seconds})`,
  bounds: (time, since, until) => [
    ...(since === undefined ? [] : [`${time} >= ${since}`]),
    ...(until === undefined ? [] : [`${time} < ${until}`]),
  ],
  daysAgo: (days) => `date_add('day', -${days}, now())`,
};

/** What stands in the files until their reader changes it. */
const examples: QuestionValues = {
  symbol: "'BTC-USD'",
  bucket: '3600',
  since: "TIMESTAMP '2026-01-01 00:00:00 UTC'",
  until: "TIMESTAMP '2026-02-01 00:00:00 UTC'",
  n: '20',
  days: '30',
};

const change: Readonly<Record<keyof QuestionValues, string>> = {
  symbol: 'the symbol',
  bucket: 'the bucket (seconds)',
  since: 'since',
  until: 'until',
  n: 'the number of rows',
  days: 'the number of days',
};

/** A question as a file for Athena: what it answers, what to change, the statement. */
function athenaFile(question: Question): string {
  const changes = question.uses.map((name) => change[name]).join(', ');
  return [
    '-- Generated from packages/query/src/questions.ts, the source of the DuckDB macros. Edit that instead.',
    `-- ${question.doc}`,
    ...(changes === '' ? [] : [`-- Change: ${changes}.`]),
    `${question.sql(athenaDialect, examples)}\n`,
  ].join('\n');
}

/** File name and text of every question. */
export function athenaFiles(): Readonly<Record<string, string>> {
  return Object.fromEntries(questions.map((question) => [`${question.name}.sql`, athenaFile(question)]));
}

interface CatalogColumn {
  readonly name: string;
  /** As Hive, and so Glue, writes it. */
  readonly type: string;
}

interface ViewColumn extends CatalogColumn {
  readonly hive_type: string;
  /** Its expression, where it is not the column itself. */
  readonly sql?: string;
}

const text = (...names: readonly string[]): CatalogColumn[] => names.map((name) => ({ name, type: 'string' }));

/** Fields of the exchanges' own records, as text: digits stay as they were written. Names in lower case: Glue knows no others. */
const rawFields: Readonly<Record<string, readonly string[]>> = {
  coinbase: ['time', 'trade_id', 'price', 'size', 'side'],
  binance: ['id', 'price', 'qty', 'quoteqty', 'time', 'isbuyermaker', 'isbestmatch'],
  kraken: ['price', 'volume', 'time', 'side', 'ordertype', 'misc', 'trade_id'],
};
const addedFields = ['product_id', '_source', '_symbol', '_source_ingest_ts', '_raw_payload'];

const view = (name: string, type: string, hive: string, sql?: string): ViewColumn => ({
  name,
  type,
  hive_type: hive,
  ...(sql === undefined ? {} : { sql }),
});
const varchar = (name: string, sql?: string): ViewColumn => view(name, 'varchar', 'string', sql);
const bigint = (name: string, sql?: string): ViewColumn => view(name, 'bigint', 'bigint', sql);
// A view can hold no time with a zone: https://docs.aws.amazon.com/athena/latest/ug/data-types-timestamps.html
const utc = (name: string): ViewColumn =>
  view(name, 'timestamp(6)', 'timestamp', `CAST(at_timezone(${name}, 'UTC') AS timestamp(6))`);
const rfc3339 = (name: string, sql: string): ViewColumn =>
  view(name, 'timestamp(3)', 'timestamp', `CAST(at_timezone(from_iso8601_timestamp(${sql}), 'UTC') AS timestamp(3))`);

const curated: readonly ViewColumn[] = [
  ...['exchange', 'symbol', 'trade_id', 'side'].map((name) => varchar(name)),
  ...['price', 'quantity'].map((name) => view(name, 'double', 'double')),
  utc('trade_ts'),
  utc('ingest_ts'),
  varchar('base_asset'),
  varchar('quote_asset'),
];

/** The columns of DuckDB's `schemahub_watermarks`, from checkpoints as they are stored. */
const watermarks: readonly ViewColumn[] = [
  varchar('exchange', 'upper(exchange)'),
  varchar('product_id'),
  varchar('origin'),
  bigint('epoch'),
  bigint('cursor', '"cursor"'),
  bigint('anchor'),
  bigint('floor', '"floor"'),
  bigint('head', 'head.id'),
  rfc3339('head_seen_at', 'head.seen_at'),
  bigint('last_trade_id', 'last_trade.id'),
  rfc3339('last_trade_ts', 'last_trade.ts'),
  bigint('trades_processed'),
  varchar('fetched'),
  varchar('void'),
  rfc3339('last_updated', 'last_updated'),
];

function selectList(columns: readonly ViewColumn[]): string {
  return columns.map(({ name, sql }) => (sql === undefined ? `  ${name}` : `  ${sql} AS "${name}"`)).join(',\n');
}

const assets = ['base_asset', 'quote_asset'];

/** What Terraform puts into the Glue database beside the Iceberg table: columns, and the views' texts. */
export function athenaCatalog(): unknown {
  const own = curated.filter(({ name }) => !assets.includes(name));
  const shown = (columns: readonly ViewColumn[]) =>
    columns.map(({ name, type, hive_type }) => ({ name, type, hive_type }));
  return {
    generated: 'from packages/query/src/athena/sql-files.ts; edit that instead',
    raw: Object.fromEntries(
      Object.entries(rawFields).map(([exchange, fields]) => [
        exchange,
        {
          serde: { 'ignore.malformed.json': 'false' },
          columns: text(...fields, ...addedFields.filter((name) => !fields.includes(name))),
        },
      ]),
    ),
    checkpoints: {
      columns: [
        ...text('exchange', 'product_id', 'symbol', 'origin', 'asked', 'fetched', 'void', 'recheck', 'last_updated'),
        ...['version', 'epoch', 'cursor', 'anchor', 'floor', 'trades_processed'].map((name) => ({
          name,
          type: 'bigint',
        })),
        { name: 'head', type: 'struct<id:bigint,seen_at:string>' },
        { name: 'last_trade', type: 'struct<id:bigint,ts:string,side:string,price:string,quantity:string>' },
        { name: 'closed', type: 'struct<status:string,seen_at:string>' },
      ],
    },
    views: {
      curated_trades: {
        doc: 'trades_unified with base_asset and quote_asset, times in UTC',
        sql: `SELECT\n${selectList(own)},\n  ${assetColumns}\nFROM trades_unified`,
        columns: shown(curated),
      },
      schemahub_watermarks: {
        doc: 'How far every product is',
        sql: `SELECT\n${selectList(watermarks)}\nFROM schemahub_checkpoints`,
        columns: shown(watermarks),
      },
    },
  };
}
