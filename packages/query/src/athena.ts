import {
  AthenaClient,
  GetQueryExecutionCommand,
  GetQueryResultsCommand,
  StartQueryExecutionCommand,
  StopQueryExecutionCommand,
} from '@aws-sdk/client-athena';
import type { AthenaPage, AthenaPort, AthenaState } from './athena/port.js';
import { QueryError } from './errors.js';

export { athenaDollars, athenaPrice, type OpenAthenaOptions, openAthena } from './athena/open-athena.js';
export type { AthenaPage, AthenaPort, AthenaState } from './athena/port.js';

export interface AthenaPortOptions {
  readonly region: string;
  /** Another address than AWS's, for an emulator. */
  readonly endpoint?: string | undefined;
  /** Tries of one request, throttling included. Default 5. */
  readonly maxAttempts?: number | undefined;
  /** Default: the SDK's chain (environment, profile, container, instance). */
  readonly credentials?:
    | {
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        readonly sessionToken?: string | undefined;
      }
    | undefined;
}

interface ServiceFailure {
  readonly name?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** A sentence with the remedy for what the service answered. */
function failureOf(error: unknown): unknown {
  const { name = 'Error', message = '', $metadata } = error as ServiceFailure;
  const told = (code: 'unavailable' | 'not-allowed' | 'invalid-query' | 'failed', what: string): QueryError =>
    new QueryError(code, `Athena: ${what} (${name}: ${message})`, { cause: error });
  if (/Throttl|TooManyRequests/i.test(name))
    return told('unavailable', 'too many requests at once; try again in a minute');
  if (/AccessDenied|UnrecognizedClient|InvalidSignature|ExpiredToken|CredentialsProvider|Token/i.test(name))
    return told(
      'not-allowed',
      'access denied; log in to AWS again, and attach the policy schemahub-ask to your user or role',
    );
  if (name === 'InvalidRequestException')
    return told('invalid-query', 'the request was refused; check ATHENA_DATABASE, ATHENA_WORKGROUP and AWS_REGION');
  if (($metadata?.httpStatusCode ?? 500) >= 500) return told('unavailable', 'it did not answer; try again');
  return told('failed', 'the request failed');
}

async function asked<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    throw failureOf(error);
  }
}

/** Athena over the AWS SDK. */
export function createAthenaPort(options: AthenaPortOptions): AthenaPort {
  const { region, endpoint, credentials, maxAttempts = 5 } = options;
  const { accessKeyId, secretAccessKey, sessionToken } = credentials ?? {};
  const client = new AthenaClient({
    region,
    maxAttempts,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }),
  });
  return {
    start: async ({ sql, database, workgroup, token }) => {
      const { QueryExecutionId } = await asked(
        client.send(
          new StartQueryExecutionCommand({
            QueryString: sql,
            QueryExecutionContext: { Database: database },
            WorkGroup: workgroup,
            ClientRequestToken: token,
          }),
        ),
      );
      if (QueryExecutionId === undefined) throw new QueryError('failed', 'Athena: it began a query without an id.');
      return QueryExecutionId;
    },
    look: async (id): Promise<AthenaState> => {
      const { QueryExecution } = await asked(client.send(new GetQueryExecutionCommand({ QueryExecutionId: id })));
      const { Status, Statistics } = QueryExecution ?? {};
      const bytesScanned = Statistics?.DataScannedInBytes ?? 0;
      if (Status?.State === 'SUCCEEDED')
        return { state: 'succeeded', bytesScanned, engineMs: Statistics?.EngineExecutionTimeInMillis ?? 0 };
      if (Status?.State === 'FAILED' || Status?.State === 'CANCELLED') {
        const state = Status.State === 'FAILED' ? 'failed' : 'cancelled';
        return { state, reason: Status.StateChangeReason ?? `the query was ${state}`, bytesScanned };
      }
      return { state: 'running' };
    },
    page: async (id, next): Promise<AthenaPage> => {
      const { ResultSet, NextToken } = await asked(
        client.send(new GetQueryResultsCommand({ QueryExecutionId: id, MaxResults: 1000, NextToken: next })),
      );
      return {
        columns: (ResultSet?.ResultSetMetadata?.ColumnInfo ?? []).map(({ Name = '', Type = '' }) => ({
          name: Name,
          type: Type,
        })),
        rows: (ResultSet?.Rows ?? []).map(({ Data }) => (Data ?? []).map(({ VarCharValue }) => VarCharValue ?? null)),
        next: NextToken,
      };
    },
    stop: async (id) => {
      await asked(client.send(new StopQueryExecutionCommand({ QueryExecutionId: id })));
    },
  };
}
