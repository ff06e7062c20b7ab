/** How a text from a flag, the environment or a file becomes a value. Throws `RangeError` with what was expected. */
export type ParseSetting = (text: string) => string | number | boolean;

export interface Setting {
  /** Flag without dashes, and member of schemahub.yaml. */
  readonly name: string;
  /** Environment variables, first wins. `{EXCHANGE}` stands for the exchange in upper case. */
  readonly env: readonly string[];
  readonly fallback: string | number | boolean | undefined;
  readonly parse: ParseSetting;
  readonly doc: string;
  /** Never printed. */
  readonly isSecret?: boolean;
}

function expected(what: string, got: string): RangeError {
  return new RangeError(`expected ${what}, got ${JSON.stringify(got)}`);
}

const text: ParseSetting = (value) => {
  if (value === '') throw expected('a text', value);
  return value;
};

const flag: ParseSetting = (value) => {
  if (/^(true|1|yes|on)$/i.test(value)) return true;
  if (/^(false|0|no|off)$/i.test(value)) return false;
  throw expected('true or false', value);
};

function number(least: number, most: number, isWhole = true): ParseSetting {
  return (value) => {
    const parsed = Number(value);
    if (value.trim() === '' || !(parsed >= least && parsed <= most) || (isWhole && !Number.isInteger(parsed))) {
      throw expected(`a ${isWhole ? 'whole ' : ''}number ${least} to ${most}`, value);
    }
    return parsed;
  };
}

function oneOf(...choices: readonly string[]): ParseSetting {
  return (value) => {
    if (!choices.includes(value)) throw expected(choices.join(' or '), value);
    return value;
  };
}

function setting(
  name: string,
  env: readonly string[],
  fallback: Setting['fallback'],
  parse: ParseSetting,
  doc: string,
  isSecret = false,
): Setting {
  return { name, env, fallback, parse, doc, isSecret };
}

/** Exchanges that a lake may hold, by the names of `venues.ts`. */
export const exchanges: readonly string[] = ['coinbase', 'binance', 'kraken'];

/** Every setting there is: the help, `.env.example`, `config print` and the checks are made from this one table. */
export const settings: readonly Setting[] = [
  setting('lake', ['SCHEMAHUB_LAKE'], './lake', text, 'folder of the lake, or s3://BUCKET/PREFIX'),
  setting('s3-bucket', ['S3_BUCKET'], undefined, text, 'bucket of the lake; means s3://BUCKET/schemahub'),
  setting(
    'raw-prefix',
    ['SCHEMAHUB_RAW_PREFIX'],
    undefined,
    text,
    'key prefix of the raw layer, from the root of the folder or bucket',
  ),
  setting(
    'unified-prefix',
    ['SCHEMAHUB_UNIFIED_PREFIX'],
    undefined,
    text,
    'key prefix of the table, from the root of the folder or bucket',
  ),
  setting('exchange', ['SCHEMAHUB_EXCHANGE'], 'coinbase', oneOf(...exchanges), 'exchange to work with'),
  setting(
    'seed-path',
    ['SCHEMAHUB_SEED_PATH'],
    undefined,
    text,
    'product list; default mappings/product_ids_seed.yaml, else the shipped one',
  ),
  setting(
    'mapping-path',
    ['SCHEMAHUB_MAPPING_PATH'],
    undefined,
    text,
    'mapping file; default the one in ./mappings for the source, else the shipped one',
  ),
  setting(
    'checkpoint-dir',
    ['SCHEMAHUB_CHECKPOINT_DIR'],
    undefined,
    text,
    'keep checkpoints in this local folder instead of the lake',
  ),
  setting('limit', ['SCHEMAHUB_LIMIT'], 1000, number(1, 1000), 'trades a page'),
  setting('workers', ['SCHEMAHUB_WORKERS'], 2, number(1, 10), 'products at the same time; more while they are small'),
  setting(
    'chunk-concurrency',
    ['SCHEMAHUB_CHUNK_CONCURRENCY'],
    15,
    number(1, 25),
    'requests in hand for each worker, at most',
  ),
  setting(
    'object-trades',
    ['SCHEMAHUB_OBJECT_TRADES'],
    100_000,
    number(1000, 1_000_000),
    'most that is fetched again after a crash; raw objects are cut at three quarters of it',
  ),
  setting(
    'cold-start-minutes',
    ['SCHEMAHUB_COLD_START_MINUTES'],
    45,
    number(1, 525_600),
    'how far back a first ingest begins',
  ),
  setting(
    'rate',
    ['SCHEMAHUB_{EXCHANGE}_RATE'],
    undefined,
    number(0.01, 1000, false),
    'pages a second; default what the exchange allows: Coinbase 10, Binance 4 (its weight), Kraken 1 a pair',
  ),
  setting(
    'burst',
    ['SCHEMAHUB_{EXCHANGE}_BURST'],
    undefined,
    number(1, 1000),
    'pages that may go at once after a pause; default Coinbase 5, Binance 12, Kraken 1',
  ),
  setting(
    'rate-share',
    ['SCHEMAHUB_RATE_SHARE'],
    1,
    number(1, 1000),
    'number of processes that share the rate behind one address',
  ),
  setting('timeout', ['SCHEMAHUB_TIMEOUT'], 15, number(1, 600, false), 'seconds for one request'),
  setting('max-wait', ['SCHEMAHUB_MAX_WAIT'], 900, number(0, 86_400), 'seconds to wait for an exchange that is down'),
  setting('api-url', ['{EXCHANGE}_API_URL'], undefined, text, 'base URL of the exchange, for a stand-in or a proxy'),
  setting(
    'archive',
    ['SCHEMAHUB_ARCHIVE'],
    'auto',
    oneOf('auto', 'never', 'always'),
    'files of whole days and months that an exchange keeps (Binance): auto where they are quicker than pages, never, always',
  ),
  setting(
    'archive-url',
    ['{EXCHANGE}_ARCHIVE_URL'],
    undefined,
    text,
    'base URL of these files; default data.binance.vision for the real Binance, none for another base URL',
  ),
  setting('api-key', ['{EXCHANGE}_API_KEY'], undefined, text, 'API key; public data need none', true),
  setting('api-secret', ['{EXCHANGE}_API_SECRET'], undefined, text, 'API secret', true),
  setting('api-passphrase', ['{EXCHANGE}_API_PASSPHRASE'], undefined, text, 'API passphrase', true),
  setting(
    'circuit-breaker',
    ['CIRCUIT_BREAKER_ENABLED'],
    true,
    flag,
    'stop asking an exchange that fails, and probe it',
  ),
  setting(
    'lock-ttl',
    ['LOCK_TTL_SECONDS'],
    120,
    number(10, 86_400),
    'seconds after which a silent holder of a lease is taken over',
  ),
  setting(
    'aws-region',
    ['AWS_REGION', 'AWS_DEFAULT_REGION'],
    'us-east-1',
    text,
    'region of bucket, tables and everything else in AWS',
  ),
  setting(
    'aws-endpoint',
    ['AWS_ENDPOINT_URL'],
    undefined,
    text,
    'another place than AWS, for every service: MinIO, a stand-in',
  ),
  setting('aws-endpoint-s3', ['AWS_ENDPOINT_URL_S3'], undefined, text, 'the same for S3 alone'),
  setting('aws-endpoint-dynamodb', ['AWS_ENDPOINT_URL_DYNAMODB'], undefined, text, 'the same for DynamoDB alone'),
  setting(
    'aws-access-key-id',
    ['AWS_ACCESS_KEY_ID'],
    undefined,
    text,
    'AWS keys by hand; without them the profile or the role is used',
    true,
  ),
  setting('aws-secret-access-key', ['AWS_SECRET_ACCESS_KEY'], undefined, text, 'AWS secret key', true),
  setting('aws-session-token', ['AWS_SESSION_TOKEN'], undefined, text, 'AWS session token', true),
  setting(
    's3-path-style',
    ['SCHEMAHUB_S3_PATH_STYLE'],
    false,
    flag,
    'endpoint/bucket/key; always so with AWS_ENDPOINT_URL',
  ),
  setting(
    's3-checksums',
    ['SCHEMAHUB_S3_CHECKSUMS'],
    'when-supported',
    oneOf('when-supported', 'when-required'),
    'when-required for stores that refuse CRC32 headers',
  ),
  setting(
    'cache-dir',
    ['SCHEMAHUB_CACHE_DIR'],
    undefined,
    text,
    'where queries keep the files of an s3:// lake; default schemahub in the user’s cache folder',
  ),
  setting(
    'max-fetch',
    ['SCHEMAHUB_MAX_FETCH'],
    1000,
    number(0, 1_000_000),
    'MB that one query may fetch from an s3:// lake; more is refused with the size',
  ),
  setting(
    'locks-table',
    ['DYNAMODB_LOCKS_TABLE'],
    undefined,
    text,
    'DynamoDB table for leases; without it they are objects in the lake',
  ),
  setting(
    'health-table',
    ['DYNAMODB_HEALTH_TABLE'],
    undefined,
    text,
    'DynamoDB table for breaker state and health of exchanges',
  ),
  setting(
    'health-check',
    ['HEALTH_CHECK_ENABLED'],
    true,
    flag,
    'write the health of exchanges to DYNAMODB_HEALTH_TABLE',
  ),
  setting('codec', ['SCHEMAHUB_CODEC'], 'snappy', oneOf('snappy', 'zstd', 'none'), 'compression of Parquet files'),
  setting(
    'threads',
    ['SCHEMAHUB_THREADS'],
    1,
    number(1, 64),
    'threads that turn raw objects into the table; each holds a block of rows more in memory',
  ),
  setting(
    'max-bad',
    ['SCHEMAHUB_MAX_BAD'],
    0.001,
    number(0, 1, false),
    'share of bad records above which a transform stops',
  ),
  setting('decimals', ['SCHEMAHUB_DECIMALS'], false, flag, 'add exact price_dec and quantity_dec columns'),
  setting(
    'stale-minutes',
    ['SCHEMAHUB_STALE_MINUTES'],
    360,
    number(1, 525_600),
    'age of the last trade after which a product is stale',
  ),
  setting('athena-database', ['ATHENA_DATABASE'], 'schemahub', text, 'Glue database of the table in AWS'),
  setting('athena-workgroup', ['ATHENA_WORKGROUP'], 'primary', text, 'Athena workgroup that queries run in'),
  setting(
    'iceberg',
    ['SCHEMAHUB_ICEBERG'],
    'folder',
    oneOf('folder', 'glue', 'none'),
    'catalog in which commits are published as Iceberg snapshots',
  ),
  setting(
    'metrics',
    ['SCHEMAHUB_METRICS'],
    'none',
    oneOf('none', 'emf', 'cloudwatch'),
    'where metrics go: lines of the log, or CloudWatch itself',
  ),
  setting(
    'log-format',
    ['SCHEMAHUB_LOG_FORMAT'],
    'text',
    oneOf('text', 'json'),
    'lines on stderr as text, or each as one of JSON',
  ),
];
