import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { UsageError } from './errors.js';
import { exchanges, type Setting, settings } from './settings.js';

export { UsageError } from './errors.js';
export { type Setting, settings } from './settings.js';

export type ConfigOrigin = 'flag' | 'environment' | '.env' | 'schemahub.yaml' | 'default';

export interface ConfigValue {
  readonly setting: Setting;
  readonly value: string | number | boolean | undefined;
  readonly origin: ConfigOrigin;
  /** The variable or member that gave it. */
  readonly from: string | undefined;
}

export interface Config {
  readonly values: readonly ConfigValue[];
  readonly text: (name: string) => string;
  readonly optionalText: (name: string) => string | undefined;
  readonly number: (name: string) => number;
  readonly optionalNumber: (name: string) => number | undefined;
  readonly flag: (name: string) => boolean;
  /** The same for one exchange: its own variables and members of schemahub.yaml. Throws `UsageError`. */
  readonly of: (exchange: string) => Config;
}

export interface LoadConfigOptions {
  /** Flags by name; undefined where not given. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Folder of `.env` and `schemahub.yaml`. */
  readonly folder: string;
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UsageError(`${path}: cannot be read (${(error as Error).message})`, { cause: error });
  }
}

/** The members of schemahub.yaml. */
async function readYaml(path: string): Promise<Record<string, unknown>> {
  const text = await readOptional(path);
  if (text === undefined) return {};
  // Most folders have no such file, and then the library is not loaded. Through `default`, as bundlers need it.
  const { default: yaml } = await import('yaml');
  let value: unknown;
  try {
    value = yaml.parse(text, { logLevel: 'error' }) ?? {};
  } catch (error) {
    throw new UsageError(`${path}: is not YAML: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(
      `${path}: expected members such as "lake: ./lake", got ${JSON.stringify(value)?.slice(0, 60)}`,
    );
  }
  return value as Record<string, unknown>;
}

/** Members as texts; a member named like an exchange holds that exchange's own settings. */
function membersFor(path: string, value: Record<string, unknown>, exchange: string): Record<string, string> {
  const known = new Set(settings.map(({ name }) => name));
  const found: Record<string, string> = {};
  const take = (members: object, where: string): void => {
    for (const [name, member] of Object.entries(members)) {
      if (!known.has(name))
        throw new UsageError(`${path}: ${where}${name} is no setting. All settings: schemahub config print`);
      if (member !== null && typeof member !== 'object') found[name] = String(member);
      else if (member !== null) throw new UsageError(`${path}: ${where}${name}: expected a single value`);
    }
  };
  const { [exchange]: own, ...rest } = value;
  take(Object.fromEntries(Object.entries(rest).filter(([name]) => !exchanges.includes(name))), '');
  if (typeof own === 'object' && own !== null) take(own, `${exchange}.`);
  return found;
}

function variablesOf(setting: Setting, exchange: string): string[] {
  return setting.env.map((name) => name.replace('{EXCHANGE}', exchange.toUpperCase()));
}

/** Resolves every setting: flag, environment, `.env`, `schemahub.yaml`, default. Throws `UsageError` for a wrong value. */
export async function loadConfig(options: LoadConfigOptions): Promise<Config> {
  const { flags, environment, folder } = options;
  const path = join(folder, 'schemahub.yaml');
  const members = await readYaml(path);
  const dotenvText = await readOptional(join(folder, '.env'));
  const dotenv: Record<string, string | undefined> = dotenvText === undefined ? {} : parseEnv(dotenvText);
  const exchange = String(flags.exchange ?? environment.SCHEMAHUB_EXCHANGE ?? dotenv.SCHEMAHUB_EXCHANGE ?? 'coinbase');
  const resolve = (name: string, given: LoadConfigOptions['flags']): Config => {
    const values = resolveValues({ ...options, flags: given }, dotenv, membersFor(path, members, name), name);
    return createConfig(values, (other) =>
      other === name ? resolve(name, given) : resolve(other, { ...flags, exchange: other }),
    );
  };
  return resolve(exchange, flags);
}

function resolveValues(
  { flags, environment }: LoadConfigOptions,
  dotenv: Readonly<Record<string, string | undefined>>,
  yaml: Readonly<Record<string, string>>,
  exchange: string,
): ConfigValue[] {
  const find = (setting: Setting): { text: string; origin: ConfigOrigin; from: string } | undefined => {
    const given = flags[setting.name];
    if (given !== undefined) return { text: String(given), origin: 'flag', from: `--${setting.name}` };
    for (const name of variablesOf(setting, exchange)) {
      if (environment[name]) return { text: environment[name], origin: 'environment', from: name };
    }
    for (const name of variablesOf(setting, exchange))
      if (dotenv[name]) return { text: dotenv[name], origin: '.env', from: name };
    const member = yaml[setting.name];
    return member === undefined ? undefined : { text: member, origin: 'schemahub.yaml', from: setting.name };
  };

  return settings.map((setting): ConfigValue => {
    const found = find(setting);
    if (found === undefined) return { setting, value: setting.fallback, origin: 'default', from: undefined };
    try {
      return { setting, value: setting.parse(found.text), origin: found.origin, from: found.from };
    } catch (error) {
      const shown = setting.isSecret ? 'its value is not accepted' : (error as Error).message;
      throw new UsageError(`${found.from}: ${shown}. It is the ${setting.doc}.`, {
        cause: setting.isSecret ? undefined : error,
      });
    }
  });
}

function createConfig(values: readonly ConfigValue[], of: Config['of']): Config {
  const settingValue = (name: string): ConfigValue['value'] => {
    const found = values.find(({ setting }) => setting.name === name);
    if (found === undefined) throw new TypeError(`there is no setting ${name}`);
    return found.value;
  };
  return {
    values,
    text: (name) => String(settingValue(name)),
    optionalText: (name) => {
      const value = settingValue(name);
      return value === undefined ? undefined : String(value);
    },
    number: (name) => Number(settingValue(name)),
    optionalNumber: (name) => {
      const value = settingValue(name);
      return value === undefined ? undefined : Number(value);
    },
    flag: (name) => settingValue(name) === true,
    of,
  };
}

/** A config as plain data, to take it to another thread of the process. */
export type PlainConfig = readonly (Pick<ConfigValue, 'value' | 'origin' | 'from'> & { readonly name: string })[];

export function configToPlain({ values }: Config): PlainConfig {
  return values.map(({ setting, value, origin, from }) => ({ name: setting.name, value, origin, from }));
}

/** What `configToPlain` was given; of the run's exchange alone. */
export function configFromPlain(plain: PlainConfig): Config {
  const values = plain.map(({ name, ...rest }) => ({
    setting: settings.find((setting) => setting.name === name)!,
    ...rest,
  }));
  return createConfig(values, () => {
    throw new TypeError('a thread has the settings of its run');
  });
}
