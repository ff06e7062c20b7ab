import type {
  Certificate,
  CertificateAccount,
  CertificateDataFile,
  CertificateProbe,
  CertificateProduct,
  CertificateRawObject,
  CertificateVoidRun,
  CountedIds,
  Finding,
} from './certificate.js';
import { integer, list, nullable, object, oneOf, record, type Shape, text, yesOrNo } from './shape.js';

const time: Shape<string> = text('^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$', 'RFC 3339 with ms, in UTC');
const rangeText: Shape<string> = text('^[0-9,-]*$', 'id ranges such as "1-5000,5046"');
const sha256: Shape<string> = text('^[0-9a-f]{64}$', 'a sha256 in hex');
const countedIds: Shape<CountedIds> = object<CountedIds>({ count: integer(), ids: rangeText });
const verdict: Shape<Certificate['verdict']> = oneOf('complete', 'incomplete', 'damaged');

const finding: Shape<Finding> = object<Finding>({
  code: text('^[a-z]+(-[a-z]+)*$', 'a code such as "missing-raw"'),
  severity: oneOf('damage', 'notice'),
  exchange: nullable(text()),
  product_id: nullable(text()),
  key: nullable(text()),
  message: text(),
});

const probe: Shape<CertificateProbe> = object<CertificateProbe>({
  request: text(),
  ids: list(integer()),
  date: nullable(time),
  fresh_connection: yesOrNo(),
});

const accountShape: Shape<CertificateAccount> = object<CertificateAccount>({
  in_table: countedIds,
  void: countedIds,
  quarantined: countedIds,
  raw_only: countedIds,
  missing: countedIds,
});

const voidRun: Shape<CertificateVoidRun> = object<CertificateVoidRun>({
  first: integer(1),
  last: integer(1),
  lower: integer(),
  upper: integer(2),
  probes: list(probe),
});

const rawObject: Shape<CertificateRawObject> = object<CertificateRawObject>({
  key: text(),
  first: integer(),
  last: integer(),
  count: integer(1),
  revision: integer(1),
});

const dataFile: Shape<CertificateDataFile> = object<CertificateDataFile>({
  path: text(),
  rows: integer(),
  bytes: integer(),
  sha256,
  ids: rangeText,
});

const product: Shape<CertificateProduct> = object<CertificateProduct>({
  exchange: text(),
  product_id: text(),
  symbol: nullable(text()),
  origin: nullable(text()),
  proof: text(),
  verdict,
  asked: rangeText,
  anchor: nullable(integer()),
  floor: nullable(object<NonNullable<CertificateProduct['floor']>>({ id: integer(), requests: list(probe) })),
  head: nullable(object<NonNullable<CertificateProduct['head']>>({ id: integer(), seen_at: time })),
  closed: nullable(object<NonNullable<CertificateProduct['closed']>>({ status: text(), seen_at: time, note: text() })),
  wanted: countedIds,
  account: accountShape,
  unsettled: countedIds,
  void_runs: list(voidRun),
  epoch: integer(),
  condemned: list(object<CertificateProduct['condemned'][number]>({ key: text(), reason: text() })),
  unnumbered: integer(),
  raw: object<CertificateProduct['raw']>({
    rows: integer(),
    ids: countedIds,
    digest: text('^[0-9a-f]{32}$', '32 hex digits'),
    objects: list(rawObject),
  }),
  table: object<CertificateProduct['table']>({ rows: integer(), bytes: integer(), files: list(dataFile) }),
});

/** The form of a certificate; `certificate.schema.json` is made from it. */
export const certificateShape: Shape<Certificate> = object<Certificate>({
  version: oneOf(1),
  verdict,
  commit: nullable(object<NonNullable<Certificate['commit']>>({ number: integer(1), sha256, time: nullable(text()) })),
  table_version: nullable(integer(1)),
  schema_hash: nullable(text()),
  mapping_hashes: record(text()),
  verified_at: time,
  depth: oneOf('names', 'deep'),
  totals: object<Certificate['totals']>({
    products: integer(),
    wanted: integer(),
    in_table: integer(),
    void: integer(),
    quarantined: integer(),
    raw_only: integer(),
    missing: integer(),
  }),
  products: list(product),
  findings: list(finding),
});

/** The JSON Schema of a certificate, as published. It says the form; `parseCertificate` also checks that the sums hold. */
export const certificateSchema: Readonly<Record<string, unknown>> = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'urn:schemahub:certificate:1',
  title: 'SchemaHub certificate',
  description:
    'What a lake holds and proves at one commit. Id sets are texts of ascending ranges: "1-5000,5046"; "5-" is open upwards.',
  ...certificateShape.schema,
};
