import { createTables, type DynamoSim, startDynamoSim } from '@schemahub/aws-sim';
import { createMemoryStore } from '@schemahub/object-store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDynamoLeases } from './dynamodb.js';
import { explainDynamo } from './dynamodb-failure.js';
import { createDocumentLeases, createDocuments } from './index.js';
import { dynamoSuite } from './suite/test-support.js';
import { leaseStoreConformance } from './testing/index.js';

let sim: DynamoSim;
let made = 0;
beforeAll(async () => {
  sim = await startDynamoSim({ locks: 'locks', health: 'health' });
});
afterAll(() => sim.close());

const credentials = { accessKeyId: 'SIMULATED', secretAccessKey: 'x' };

describe('DynamoDB on dynalite', () => {
  dynamoSuite(
    () => ({ region: 'us-east-1', endpoint: sim.endpoint, credentials }),
    async () => {
      made++;
      const tables = { locks: `locks-${made}`, health: `health-${made}` };
      await createTables(sim.endpoint, tables);
      return tables;
    },
  );

  it('a service that cannot be reached is told so', async () => {
    const options = { region: 'us-east-1', credentials, table: 'locks', createId: () => 'x', maxAttempts: 1 };
    const leases = createDynamoLeases({ ...options, endpoint: 'http://127.0.0.1:1' });
    await expect(leases.renew('p', 'x', { renewedAt: 1, expiresAt: 2 })).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
      message: expect.stringMatching(/write in the DynamoDB table locks \(us-east-1\).*ECONNREFUSED.*nothing is lost/),
    });
  });
});

describe('what DynamoDB refuses', () => {
  it.each([
    ['AccessDeniedException', 'access-denied', false, /access denied .*Allow dynamodb:GetItem, PutItem, UpdateItem/],
    ['ExpiredTokenException', 'credentials', false, /does not accept the credentials.*expired: sign in again/],
    ['UnrecognizedClientException', 'credentials', false, /does not accept the credentials.*Set AWS_PROFILE/],
    ['ThrottlingException', 'unavailable', true, /does not answer well .*Run the same command again/],
    ['ResourceNotFoundException', 'no-table', false, /no such table\. Check DYNAMODB_LOCKS_TABLE and AWS_REGION/],
  ])('%s: a sentence with the remedy', (name, code, retryable, sentence) => {
    const place = { doing: 'write', table: 'locks', region: 'eu-west-1', setting: 'DYNAMODB_LOCKS_TABLE' };
    const error = explainDynamo(Object.assign(new Error('said so'), { name }), place);
    expect(error).toMatchObject({ code, retryable });
    expect(error.message).toMatch(sentence);
    expect(error.message).toContain('write in the DynamoDB table locks (eu-west-1)');
  });
});

describe('leases as documents', () => {
  it.each(leaseStoreConformance())('$name', async ({ run }) => {
    await run(async () =>
      createDocumentLeases({
        documents: createDocuments(createMemoryStore()),
        keyOf: (name) => `locks/${encodeURIComponent(name)}`,
      }),
    );
  });
});
