export type {
  Certificate,
  CertificateAccount,
  CertificateDataFile,
  CertificateProbe,
  CertificateProduct,
  CertificateRawObject,
  CertificateVoidRun,
  CountedIds,
  Depth,
  Finding,
  Severity,
  Verdict,
} from './certificate.js';
export { certificateSchema } from './certificate-shape.js';
export { CertificateError } from './errors.js';
export { parseCertificate } from './parse-certificate.js';
export { judgeFloor, judgeVoidRun, type ProbeLike } from './proof.js';
