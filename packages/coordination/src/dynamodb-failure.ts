import { CoordinationError } from './errors.js';

const CREDENTIALS =
  /^(CredentialsProviderError|ExpiredToken.*|UnrecognizedClientException|InvalidSignatureException|MissingAuthenticationTokenException|IncompleteSignatureException|InvalidClientTokenId)$/;

/** An error of the SDK as a sentence: what, where, what to do. */
export function explainDynamo(
  error: unknown,
  { doing, table, region, setting }: { doing: string; table: string; region: string; setting: string },
): CoordinationError {
  if (error instanceof CoordinationError) return error;
  const { name, message, code } = error as { name?: string; message?: string; code?: string };
  const said = name ?? code ?? 'an unknown error';
  const place = `${doing} in the DynamoDB table ${table} (${region})`;
  const cause = { cause: error };
  if (name === 'ResourceNotFoundException')
    return new CoordinationError(
      'no-table',
      `${place}: there is no such table. Check ${setting} and AWS_REGION, or make it with infra/terraform; without ${setting} no database is needed.`,
      cause,
    );
  if (CREDENTIALS.test(said))
    return new CoordinationError(
      'credentials',
      `${place}: AWS does not accept the credentials (${said}: ${message}). ${said.startsWith('Expired') ? 'They have expired: sign in again' : 'Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run with a role'}; nothing is lost.`,
      cause,
    );
  if (name === 'AccessDeniedException')
    return new CoordinationError(
      'access-denied',
      `${place}: access denied (${message}). Allow dynamodb:GetItem, PutItem, UpdateItem and DeleteItem on the table; nothing is lost.`,
      cause,
    );
  return new CoordinationError(
    'unavailable',
    `${place}: DynamoDB does not answer well (${said}: ${message}), also after several tries. Run the same command again; nothing is lost.`,
    cause,
  );
}
