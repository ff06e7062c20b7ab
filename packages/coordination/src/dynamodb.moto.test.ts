import { randomUUID } from 'node:crypto';
import { createTables } from '@schemahub/aws-sim';
import { describe } from 'vitest';
import { dynamoSuite } from './suite/test-support.js';

const endpoint = process.env.MOTO_URL ?? '';

describe('DynamoDB on moto', () => {
  dynamoSuite(
    () => ({ region: 'us-east-1', endpoint, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }),
    async () => {
      const tables = { locks: `locks-${randomUUID()}`, health: `health-${randomUUID()}` };
      await createTables(endpoint, tables);
      return tables;
    },
  );
});
