import {
  type AuditProduct,
  type AuditTable,
  type Certificate,
  certify,
  checkProduct,
  exitCodeOf,
  type Finding,
  findYoungHoles,
  type InspectProgress,
  inspect,
  listAuditProducts,
  type ProductStatus,
  parseCertificate,
  readProduct,
  readTable,
  replaces,
  statusOf,
} from '@schemahub/audit';
import { parseCircuitState } from '@schemahub/circuit-breaker';
import type { HealthReading } from '@schemahub/coordination';
import { tradesUnifiedWithDecimals } from '@schemahub/core';
import type { OnEvent } from '@schemahub/ingest';
import { condemnObjects } from '@schemahub/ingest/checkpoint';
import { createInterpreter, type Interpreter, type Mapping, mappingHash } from '@schemahub/mapping-engine';
import type { Config } from './config.js';
import { UsageError } from './errors.js';
import { type OpenExchange, openExchange } from './exchange.js';
import { type ExchangeHealth, readHealth } from './exchange-health.js';
import { createIngestContext, ingestSettings } from './ingest.js';
import { exchanges, type OpenLake, requireLake } from './lake.js';
import { mappingFor } from './table.js';
import { venueOf } from './venues.js';

/** Everything that a certificate or a status is made from. */
export interface GatheredAudit {
  readonly table: AuditTable;
  readonly products: readonly AuditProduct[];
  /** Products that were named and that the lake does not know. */
  readonly unknown: readonly string[];
}

export interface GatherOptions {
  readonly lake: OpenLake;
  readonly config: Config;
  /** Default: all that the lake knows. */
  readonly products?: readonly string[] | undefined;
  /** Believe checkpoints about sparse raw objects and look at the latest commit only; never for a certificate. */
  readonly quick?: boolean | undefined;
}

const silent = (): void => undefined;

function connect(
  { lake, config }: GatherOptions,
  exchange: string,
  onEvent: OnEvent,
  onLine: (text: string) => void,
): OpenExchange {
  return openExchange({ config: config.of(exchange), lake, clock: lake.clock, onEvent, onLine });
}

/** Reads commits, evidence, raw names and checkpoints. Throws `UsageError` for a place that holds nothing. */
export async function gatherAudit(options: GatherOptions): Promise<GatheredAudit> {
  const { lake, quick } = options;
  await requireLake(lake);
  const { store, layout } = lake;
  const table = await readTable({ store, layout, latestOnly: quick });
  const known = await listAuditProducts({ store, layout, exchanges, lists: table.lists });
  const named = options.products === undefined ? undefined : new Set(options.products);
  const chosen = known.filter(({ productId }) => named === undefined || named.has(productId));
  const products: AuditProduct[] = [];
  for (const { exchange, productId } of chosen) {
    const { readId, proof } = venueOf(exchange);
    const readCheckpoint = lake.checkpoints.read;
    products.push(
      await readProduct({ store, layout, exchange, productId, readId, readCheckpoint, proof, trustCheckpoint: quick }),
    );
  }
  const found = new Set(chosen.map(({ productId }) => productId));
  return { table, products, unknown: [...(named ?? [])].filter((productId) => !found.has(productId)) };
}

export interface VerifyOptions {
  readonly lake: OpenLake;
  readonly config: Config;
  readonly products?: readonly string[] | undefined;
  /** Read every byte again. */
  readonly deep: boolean;
  /** Ask the exchange how far it is. */
  readonly head: boolean;
  /** Keep the certificate, condemn damaged raw objects. */
  readonly write: boolean;
  readonly stop: AbortSignal;
  readonly onProgress?: ((progress: InspectProgress) => void) | undefined;
  /** One line for a log: condemned objects, limiter and breaker changes. */
  readonly onLine: (text: string) => void;
}

/** How far the exchange is. */
export interface HeadReport {
  readonly exchange: string;
  readonly product_id: string;
  /** Newest id at the exchange; null when it shows no trade. */
  readonly head: number | null;
  /** Ids above the newest one that the lake has seen. */
  readonly beyond: number;
  /** Why it could not be asked. */
  readonly error: string | null;
}

export interface VerifyResult {
  readonly certificate: Certificate;
  /** Key of the certificate in the lake; undefined when it is not kept. */
  readonly keptAt: string | undefined;
  readonly heads: readonly HeadReport[];
  readonly unknown: readonly string[];
  /** Raw objects condemned by this run. */
  readonly condemned: readonly string[];
  /** Codes of SPEC 4 that apply; the caller combines them. */
  readonly codes: readonly number[];
}

/** The mapping that the rows were made with; another one would call every row wrong. */
async function auditMapping(config: Config, exchange: string, table: AuditTable): Promise<Mapping> {
  const { rawTable } = venueOf(exchange);
  const mapping = await mappingFor(config, rawTable);
  const made = table.commit?.mapping_hashes[rawTable];
  const nullable = new Set(
    tradesUnifiedWithDecimals.columns.filter((column) => column.nullable).map(({ name }) => name),
  );
  const plain = { ...mapping, rules: mapping.rules.filter(({ column }) => !nullable.has(column)) };
  if (made === undefined || made === mappingHash(mapping) || made === mappingHash(plain)) return mapping;
  throw new UsageError(
    `the mapping of ${rawTable} is not the one that the table was made with, so its rows cannot be compared. Give that one with --mapping-path FILE, or bring the table to this one: schemahub transform --rebuild`,
  );
}

async function interpretersOf(
  { config }: VerifyOptions,
  { table, products }: GatheredAudit,
): Promise<ReadonlyMap<string, Interpreter>> {
  const interpreters = new Map<string, Interpreter>();
  for (const exchange of new Set(products.map((product) => product.exchange))) {
    const mapping = await auditMapping(config, exchange, table);
    interpreters.set(exchange, createInterpreter(mapping, tradesUnifiedWithDecimals));
  }
  return interpreters;
}

async function inspectAll(
  options: VerifyOptions,
  gathered: GatheredAudit,
  interpreters: ReadonlyMap<string, Interpreter>,
): Promise<Finding[]> {
  const { lake, stop, onProgress } = options;
  const products = gathered.products.map((product) => ({
    product,
    list: gathered.table.lists.find(
      (list) => list.exchange === product.exchange && list.productId === product.productId,
    ),
    readId: venueOf(product.exchange).readId,
    interpret: interpreters.get(product.exchange)!,
  }));
  const findings: Finding[] = [];
  const found = inspect({ store: lake.store, schema: tradesUnifiedWithDecimals, products, onProgress, signal: stop });
  for await (const finding of found) findings.push(finding);
  return findings;
}

/** What condemning needs of a command. */
export type CondemnOptions = GatherOptions & Pick<VerifyOptions, 'stop' | 'onLine'>;

/**
 * Gives up raw objects that the newest certificate saw and that are gone, before `repair` fetches their trades again:
 * the good copies then land under names of their own, and cells made from the lost ones are no longer canonical.
 * `verify` only tells, because a backup may still bring them back. Gives their keys.
 */
export async function condemnMissing(options: CondemnOptions): Promise<string[]> {
  const { table, products } = await gatherAudit(options);
  const findings = products.flatMap((product) => checkProduct(product, table).findings);
  return await condemnDamaged(
    options,
    findings.filter(({ code }) => code === 'missing-raw'),
  );
}

/** Condemns what is damaged; evidence names it from then on, so that the finding needs no repetition. */
async function condemnDamaged(options: CondemnOptions, damaged: readonly Finding[]): Promise<string[]> {
  const { lake, config, stop, onLine } = options;
  if (damaged.length === 0) return [];
  const onEvent: OnEvent = (event) => {
    if (event.type === 'condemned') onLine(`${event.product}: condemned ${event.key}: ${event.reason}`);
  };
  const flags = { fullRefresh: false, skipCheckpoint: false, acceptOrigin: false, rawPayload: false, dryRun: false };
  const settings = ingestSettings('repair', config, flags);
  const names = new Map(damaged.map((finding) => [`${finding.exchange}/${finding.product_id}`, finding]));
  for (const { exchange, product_id: productId } of names.values()) {
    const connected = connect(options, exchange ?? config.text('exchange'), onEvent, onLine);
    const context = createIngestContext({ lake, exchange: connected, settings, onEvent, stop });
    const own = damaged.filter((finding) => finding.product_id === productId && finding.exchange === exchange);
    const objects = own.flatMap(({ key, message: reason }) => (key === null ? [] : [{ key, reason }]));
    try {
      await condemnObjects(context, productId ?? '', objects);
    } catch (error) {
      // The evidence is written; a checkpoint that cannot be read is a finding of its own and is rebuilt later.
      if (!(error instanceof Error && error.name === 'CheckpointError')) throw error;
    }
  }
  return damaged.flatMap(({ key }) => (key === null ? [] : [key]));
}

async function withYoungHoles(options: VerifyOptions, gathered: GatheredAudit): Promise<GatheredAudit> {
  const { lake } = options;
  const { table } = gathered;
  const now = lake.clock.now();
  const products: AuditProduct[] = [];
  for (const product of gathered.products) {
    const { exchange } = product;
    const { readId, rawTable } = venueOf(exchange);
    const loadInterpreter = async (): Promise<Interpreter> =>
      createInterpreter(await mappingFor(options.config, rawTable), tradesUnifiedWithDecimals);
    const schema = tradesUnifiedWithDecimals;
    const unsettled = await findYoungHoles({ store: lake.store, table, product, readId, loadInterpreter, schema, now });
    products.push({ ...product, unsettled });
  }
  return { ...gathered, products };
}

/** Attempts before a certificate is left to the writers that are always faster. */
const MAX_CONFLICTS = 20;

/** Keeps a certificate by compare-and-set, unless the stored one says the same. Gives its key. */
async function keep(lake: OpenLake, certificate: Certificate): Promise<string> {
  const { documents, layout } = lake;
  const key = layout.certificate(certificate.commit?.number ?? 0);
  for (let attempt = 0; attempt < MAX_CONFLICTS; attempt++) {
    const { stored, version } = await readStored(lake, key);
    if (!replaces(certificate, stored)) return key;
    if ((await documents.write(key, certificate, version)) !== 'conflict') return key;
  }
  return key;
}

async function readStored(
  { documents }: OpenLake,
  key: string,
): Promise<{ readonly stored: Certificate | undefined; readonly version: string | undefined }> {
  let version: string | undefined;
  try {
    const held = await documents.read(key);
    version = held?.version;
    return { stored: held && parseCertificate(held.value), version };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code !== 'damaged-document' && code !== 'invalid-certificate') throw error;
    return { stored: undefined, version: version ?? (await documents.versionOfDamaged(key)) };
  }
}

async function askHeads(options: VerifyOptions, { products }: GatheredAudit): Promise<HeadReport[]> {
  const opened = new Map<string, OpenExchange>();
  for (const exchange of new Set(products.map((product) => product.exchange)))
    opened.set(exchange, connect(options, exchange, silent, options.onLine));
  const reports: HeadReport[] = [];
  for (const { exchange, productId, evidence } of products) {
    if (evidence.closed !== undefined) continue;
    const { connector } = opened.get(exchange)!;
    const report = { exchange, product_id: productId };
    try {
      const head = await connector.fetchHead(productId, { priority: 'head', signal: options.stop });
      const id = head?.trade.id ?? null;
      const beyond = id === null ? 0 : Math.max(0, id - (evidence.head?.id ?? -1));
      reports.push({ ...report, head: id, beyond, error: null });
    } catch (error) {
      if (options.stop.aborted) throw error;
      reports.push({ ...report, head: null, beyond: 0, error: error instanceof Error ? error.message : String(error) });
    }
  }
  return reports;
}

const EXIT_INCOMPLETE = 3;
const EXIT_UNAVAILABLE = 6;

/** Makes the certificate; with `deep` from every byte. What it keeps and condemns: see `VerifyOptions.write`. */
export async function runVerify(options: VerifyOptions): Promise<VerifyResult> {
  const { lake, deep, write } = options;
  let gathered = await gatherAudit(options);
  let inspected: Finding[] | undefined;
  let condemned: string[] = [];
  if (deep) {
    inspected = await inspectAll(options, gathered, await interpretersOf(options, gathered));
    const damaged = [...gathered.products.flatMap(({ findings }) => findings), ...inspected].filter(
      ({ code }) => code === 'damaged-raw',
    );
    if (write && damaged.length > 0) {
      condemned = await condemnDamaged(options, damaged);
      inspected = inspected.filter(({ code }) => code !== 'damaged-raw');
      gathered = await gatherAudit(options);
    }
  }
  const { table, products, unknown } = await withYoungHoles(options, gathered);
  const certificate = certify({ table, products, now: lake.clock.now(), inspected });
  // A certificate of some products only would hide the others.
  const keptAt = write && options.products === undefined ? await keep(lake, certificate) : undefined;
  const heads = options.head ? await askHeads(options, gathered) : [];
  const codes = [
    exitCodeOf(certificate),
    ...(unknown.length > 0 ? [EXIT_INCOMPLETE] : []),
    ...(heads.some(({ error }) => error !== null) ? [EXIT_UNAVAILABLE] : []),
  ];
  return { certificate, keptAt, heads, unknown, condemned, codes };
}

export interface ExchangeStatus {
  readonly exchange: string;
  /** `closed`: requests pass; `open`: they wait; `half-open`: one at a time is let through; `unknown`: cannot be read. */
  readonly breaker: 'closed' | 'open' | 'half-open' | 'unknown';
  /** When it last changed, RFC 3339; null when it never did. */
  readonly since: string | null;
  readonly last_error: string | null;
  /** What the latest run with news saw of it; null when there was none. */
  readonly health: ExchangeHealth | null;
  /** What all processes together know of it, in `DYNAMODB_HEALTH_TABLE`; null without that table. */
  readonly shared: HealthReading | null;
  /** Seconds to fetch what is missing at the rate of that run; null when nothing is missing, or no rate is known. */
  readonly eta_seconds: number | null;
}

export interface LakeStatus {
  readonly commit: number | null;
  readonly committed_at: string | null;
  readonly products: readonly ProductStatus[];
  readonly exchanges: readonly ExchangeStatus[];
  readonly unknown: readonly string[];
}

type Breaker = Pick<ExchangeStatus, 'exchange' | 'breaker' | 'since' | 'last_error'>;

async function exchangeStatus(
  lake: OpenLake,
  exchange: string,
  products: readonly ProductStatus[],
): Promise<ExchangeStatus> {
  const health = (await readHealth(lake, exchange)) ?? null;
  const shared = (await lake.health?.read(exchange)) ?? null;
  const missing = products.reduce((sum, product) => sum + (product.exchange === exchange ? product.missing : 0), 0);
  const rate = health?.trades_per_second ?? 0;
  const eta = missing === 0 || rate === 0 ? null : Math.ceil(missing / rate);
  return { ...(await breakerOf(lake, exchange)), health, shared, eta_seconds: eta };
}

async function breakerOf(lake: OpenLake, exchange: string): Promise<Breaker> {
  const nothing = { exchange, since: null, last_error: null };
  try {
    const held = await lake.circuits(exchange).read();
    if (held === undefined) return { ...nothing, breaker: 'closed' };
    const state = parseCircuitState(held.value);
    const since = new Date(state.updatedAt).toISOString();
    return { exchange, breaker: state.phase, since, last_error: state.phase === 'open' ? state.lastError : null };
  } catch (error) {
    if (!(error instanceof Error) || error.name === 'StoreError') throw error;
    return { ...nothing, breaker: 'unknown', last_error: error.message };
  }
}

/** What is held, per product and exchange. A quick look: sparse raw objects are not opened. */
export async function readStatus(options: Omit<GatherOptions, 'quick'>): Promise<LakeStatus> {
  const { lake } = options;
  const { table, products, unknown } = await gatherAudit({ ...options, quick: true });
  const now = lake.clock.now();
  const held = new Set(products.map(({ exchange }) => exchange));
  const lines = products.map((product) => statusOf(product, table, now));
  return {
    commit: table.number === 0 ? null : table.number,
    committed_at: table.commit?.time ?? null,
    products: lines,
    exchanges: await Promise.all([...held].map((exchange) => exchangeStatus(lake, exchange, lines))),
    unknown,
  };
}
