/** A document is not a certificate, or contradicts itself. `member` says where. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  readonly code = 'invalid-certificate';
  readonly retryable = false;
  readonly member: string;

  constructor(member: string, message: string) {
    super(message);
    this.member = member;
  }
}
