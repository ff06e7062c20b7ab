import { describe, expect, it } from 'vitest';
import { loadAws } from './aws.js';

const missing = (name: string): Error =>
  Object.assign(new Error(`Cannot find package '${name}' imported from /somewhere/s3.js`), {
    code: 'ERR_MODULE_NOT_FOUND',
  });

describe('an AWS driver without its SDK', () => {
  it.each([
    ['A lake on s3://bucket', '@aws-sdk/client-s3'],
    ['DYNAMODB_LOCKS_TABLE', '@aws-sdk/client-dynamodb'],
    ['--metrics cloudwatch', '@aws-sdk/client-cloudwatch'],
  ])('%s says which package to install', async (what, name) => {
    await expect(loadAws(what, name, () => Promise.reject(missing(name)))).rejects.toMatchObject({
      name: 'UsageError',
      message: `${what} needs ${name}, which is not installed. Install it where schemahub is installed: npm install ${name}`,
    });
  });

  it.each([missing('./own-file.js'), new TypeError('a bug of ours')])(
    'another failure is passed on as it is',
    async (error) => {
      await expect(loadAws('A lake', '@aws-sdk/client-s3', () => Promise.reject(error))).rejects.toBe(error);
    },
  );
});
