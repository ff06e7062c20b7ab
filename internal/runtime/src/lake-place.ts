import type { Config, ConfigOrigin, ConfigValue } from './config.js';
import { UsageError } from './errors.js';

/** Where a lake lies. */
export type LakePlace =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string };

/** Keys of a lake lie below this one, where only the bucket is named. */
const DEFAULT_PREFIX = 'schemahub';
/** From the strongest to the weakest. */
const ORIGINS: readonly ConfigOrigin[] = ['flag', 'environment', '.env', 'schemahub.yaml', 'default'];

function given(config: Config, name: string): ConfigValue {
  const found = config.values.find(({ setting }) => setting.name === name);
  if (found === undefined) throw new TypeError(`there is no setting ${name}`);
  return found;
}

/** `s3://bucket[/prefix]` taken apart. */
function parseUrl(url: string): LakePlace {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(url);
  if (match === null)
    throw new UsageError(
      `--lake ${url}: expected s3://BUCKET or s3://BUCKET/PREFIX, the bucket 3 to 63 lower-case letters, digits, dots and dashes.`,
    );
  return { kind: 's3', bucket: match[1]!, prefix: (match[2] ?? '').replace(/^\/+|\/+$/g, '') };
}

/** The place that `--lake` or `--s3-bucket` names; of both the one that was said closer to the command. */
export function lakePlaceOf(config: Config): LakePlace {
  const lake = given(config, 'lake');
  const bucket = given(config, 's3-bucket');
  const rank = ({ origin }: ConfigValue): number => ORIGINS.indexOf(origin);
  if (bucket.value !== undefined && rank(bucket) === rank(lake))
    throw new UsageError(
      `${lake.from} and ${bucket.from}: expected one of them, got both (${lake.value} and ${bucket.value}). The bucket alone means s3://${bucket.value}/${DEFAULT_PREFIX}.`,
    );
  if (bucket.value !== undefined && rank(bucket) < rank(lake)) {
    const name = String(bucket.value);
    if (name.includes('/'))
      throw new UsageError(
        `${bucket.from}: expected the name of a bucket, got ${name}. A place in it: --lake s3://BUCKET/PREFIX`,
      );
    return parseUrl(`s3://${name}/${DEFAULT_PREFIX}`);
  }
  const text = String(lake.value);
  return text.startsWith('s3:') ? parseUrl(text) : { kind: 'folder', folder: text };
}
