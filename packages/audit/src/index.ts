export {
  type Certificate,
  type CertificateAccount,
  type CertificateDataFile,
  CertificateError,
  type CertificateProbe,
  type CertificateProduct,
  type CertificateRawObject,
  type CertificateVoidRun,
  type CountedIds,
  certificateSchema,
  type Depth,
  type Finding,
  parseCertificate,
  type Severity,
  type Verdict,
} from './certificate/index.js';
export { type CertifyOptions, certify, exitCodeOf, replaces } from './certify.js';
export { type CheckedProduct, checkProduct } from './check-product.js';
export type { FindingCode } from './findings.js';
export { type InspectOptions, type InspectProgress, inspect } from './inspect.js';
export type { InspectProduct } from './inspect-context.js';
export { listAuditProducts, type ProductName } from './list-products.js';
export { type AuditProduct, type ReadProductOptions, readProduct } from './read-product.js';
export { type AuditTable, readTable } from './read-table.js';
export { type ProductStatus, statusOf } from './status.js';
export { findYoungHoles, type YoungHolesOptions } from './young-holes.js';
