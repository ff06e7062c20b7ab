// infra/terraform against the code that runs there: rights, variables, keys.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { exchanges, settings } from '../internal/runtime/src/settings.ts';
import { terraformFiles } from './terraform.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path) => readFileSync(join(root, path), 'utf8');
const files = terraformFiles();
const whole = Object.values(files).join('\n');
const sorted = (names) => [...new Set(names)].sort();
const all = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found);

/** Commands of the AWS SDK that a file sends, as IAM writes them. */
function actionsOf(path) {
  const text = read(path);
  const services = Object.fromEntries(
    [...text.matchAll(/import \{([^}]*)\} from '@aws-sdk\/client-([a-z0-9-]+)'/g)].flatMap(([, names, service]) =>
      names.split(',').map((name) => [name.replace(/^\s*type /, '').trim(), service.replace('-', '')]),
    ),
  );
  const asked = all(text, /new (\w+)Command\(/g);
  // Calls whose right has another name: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
  const renamed = {
    's3:HeadObject': 's3:GetObject',
    's3:ListObjectsV2': 's3:ListBucket',
    's3:DeleteObjects': 's3:DeleteObject',
    's3:CreateMultipartUpload': 's3:PutObject',
    's3:UploadPart': 's3:PutObject',
    's3:CompleteMultipartUpload': 's3:PutObject',
  };
  return asked.map((name) => {
    const action = `${services[`${name}Command`]}:${name}`;
    return renamed[action] ?? action;
  });
}

/** Actions of the statements of a policy document: those that our code needs, and those that a service of AWS needs (`# service: …`). */
function policyActions(name) {
  const document = files['iam.tf'].match(
    new RegExp(`^data "aws_iam_policy_document" "${name}" \\{\\n([\\s\\S]*?)^\\}`, 'm'),
  )[1];
  const statements = [...document.matchAll(/((?:^ {2}#.*\n)*)^ {2}statement \{\n([\s\S]*?)^ {2}\}/gm)];
  const of = (isService) =>
    statements
      .filter(([, comment]) => comment.includes('# service:') === isService)
      .flatMap(([, , body]) => all(body.match(/actions +?= \[([^\]]*)\]/)[1], /"([^"]+)"/g));
  return { code: of(false), service: of(true) };
}

describe('rights against SDK calls', () => {
  const sources = (folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .map((name) => `${folder}/${name}`)
      .filter((path) => /\/src\/(?!testing\/).*\.ts$/.test(path) && !/node_modules|\.test\.ts$/.test(path))
      .filter((path) => /from '@aws-sdk\/client-/.test(read(path)));
  const paths = ['packages', 'internal', 'apps'].flatMap((folder) =>
    readdirSync(join(root, folder)).flatMap((name) =>
      existsSync(join(root, folder, name, 'src')) ? sources(`${folder}/${name}/src`) : [],
    ),
  );
  // Who runs which file. The S3 driver serves both: the function only reads by it.
  const ofFunction = /^packages\/query\/src\/athena\.ts$|^internal\/runtime\/src\/sns\.ts$/;
  const ofPeople = /^packages\/query\/src\/athena\.ts$/;
  const task = sorted(paths.filter((path) => !ofFunction.test(path)).flatMap(actionsOf));
  const read3 = ['s3:GetObject', 's3:ListBucket'];

  test('there is code to compare with', () => {
    expect(paths.length).toBeGreaterThan(4);
    expect(task.filter((action) => action.startsWith('undefined'))).toEqual([]);
  });

  test('a task may do what its code does, and nothing else', () => {
    const { code, service } = policyActions('task');
    expect(service).toEqual([]);
    expect(sorted([...code, ...policyActions('execution').code])).toEqual(
      sorted([...task, 'cloudwatch:PutMetricData']),
    );
  });

  test('who asks may do what the Athena engine does; what Athena does for it says so', () => {
    const { code, service } = policyActions('ask');
    expect(sorted(code)).toEqual(sorted(paths.filter((path) => ofPeople.test(path)).flatMap(actionsOf)));
    expect(service).toEqual(expect.arrayContaining(read3));
  });

  test('the function may publish and tell besides', () => {
    const own = paths.filter((path) => ofFunction.test(path) && !ofPeople.test(path));
    const calls = [...own, 'internal/observability/src/cloudwatch.ts'].flatMap(actionsOf);
    expect(sorted(policyActions('lambda').code)).toEqual(sorted(calls));
    expect(policyActions('lambda').service.every((action) => action.startsWith('logs:'))).toBe(true);
  });

  test('no right is given for everything', () => {
    expect(whole.match(/actions += \["[^"]*\*"/g)).toEqual(['actions   = ["s3:*"']);
    // ecr:GetAuthorizationToken and PutMetricData know no narrower resource; the latter has its namespace as a condition.
    expect(files['iam.tf'].match(/resources = \["\*"\]/g)).toHaveLength(3);
  });
});

describe('environment', () => {
  const named = (local) =>
    all(files['locals.tf'].match(new RegExp(`^  ${local} += \\{\\n([\\s\\S]*?)^  \\}`, 'm'))[1], /^ {4}(\w+) +=/gm);
  const known = settings.flatMap(({ env }) => env);
  const expanded = known.flatMap((name) =>
    name.includes('{EXCHANGE}')
      ? exchanges.map((exchange) => name.replace('{EXCHANGE}', exchange.toUpperCase()))
      : [name],
  );

  test('a task gets variables that are settings', () => {
    expect(named('task_environment').length).toBeGreaterThan(5);
    expect(named('task_environment').filter((name) => !expanded.includes(name))).toEqual([]);
  });

  test('a value that stands in the text is one that its setting takes', () => {
    const values = [...files['locals.tf'].matchAll(/^ {4}(\w+) += "([^"$]+)"$/gm)];
    expect(values.length).toBeGreaterThan(1);
    for (const [, name, value] of values)
      expect(settings.find(({ env }) => env.includes(name))?.parse(value), name).toBe(value);
  });

  test('the secret holds variables that are settings', () => {
    const keys = all(files['locals.tf'].match(/exchange_keys = [\s\S]*?\}\[exchange\]/)[0], /"([A-Z_]+)"/g);
    expect(keys.filter((name) => !expanded.includes(name))).toEqual([]);
  });

  test('the function reads what it gets', () => {
    const code = read('internal/runtime/src/data-quality.ts');
    expect(named('lambda_environment').filter((name) => !code.includes(name))).toEqual([]);
  });
});

describe('DynamoDB', () => {
  test('keys and the time to live are those of the code', () => {
    const code = read('packages/coordination/src/dynamodb.ts');
    const keys = [
      ...all(files['storage.tf'], /(?:hash|range)_key +?= "(\w+)"/g),
      ...all(files['storage.tf'], /attribute_name = "(\w+)"/g),
    ];
    expect(sorted(keys)).toEqual(['exchange_name', 'lock_name', 'timestamp', 'ttl']);
    expect(sorted(keys).filter((key) => !new RegExp(`\\b${key}: `).test(code))).toEqual([]);
  });
});

describe('numbers of the whole table', () => {
  test('stand under one Source, for the function, the alarms and the dashboards', () => {
    const [, source] = read('internal/runtime/src/quality-metrics.ts').match(/WHOLE_TABLE = '(\w+)'/);
    expect(files['alarms.tf']).toContain(`merge(alarm, { source = "${source}" })`);
    expect(files['alarms.tf']).toContain(`dimensions  = { Source = "${source}" }`);
    expect(files['dashboards.tf']).toContain(`sources = ["${source}"]`);
  });
});
