// What Terraform made, used as it was made: the function's bundle alone in an empty folder with its deployed environment, the
// CLI on the deployed bucket, tables and workgroup, the alarms' links.
import { execFile, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { startSimulator } from '../strangers/simulator.mjs';

const row = (...values) => ({ Data: values.map((value) => (value === null ? {} : { VarCharValue: String(value) })) });
const result = (columns, ...rows) => ({
  rows: [row(...columns.map(([name]) => name)), ...rows.map((values) => row(...values))],
  column_info: columns.map(([name, type]) => ({ Name: name, Type: type })),
});

/** Athena's answers to the function's questions, in their order. */
function answers({ records, duplicates = 0, newestUs, product }) {
  const bigint = (...names) => names.map((name) => [name, 'bigint']);
  return [
    result(bigint('total_records'), [records]),
    result(bigint('daily_records'), [5]),
    result(bigint('first_us', 'last_us'), [newestUs - 31_557_600_000_000, newestUs]),
    result(
      [...bigint('duplicates'), ['duplicates_sample', 'varchar']],
      [duplicates, duplicates === 0 ? null : 'COINBASE/BTC-USD/1'],
    ),
    result(bigint('nulls', 'bad_numbers', 'unknown_sides', 'implausible_times', 'bad_rows'), [0, 0, 0, 0, 0]),
    result(
      [['exchange', 'varchar'], ['symbol', 'varchar'], ...bigint('newest_us')],
      ...product.map((symbol) => ['COINBASE', symbol, newestUs]),
    ),
  ];
}

/** In front of the emulator, which runs no SQL: Athena that fails as told, everything else passed on. */
async function troubledAthena(endpoint, trouble) {
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const target = String(request.headers['x-amz-target'] ?? '');
    const answer = target.startsWith('AmazonAthena.') ? trouble(target.slice('AmazonAthena.'.length)) : undefined;
    if (answer !== undefined) {
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(answer.body));
      return;
    }
    const { host: _, 'content-length': __, connection: ___, ...headers } = request.headers;
    const passed = await fetch(`${endpoint}${request.url}`, {
      method: request.method,
      headers,
      body: body.length === 0 ? undefined : body,
    });
    response.writeHead(
      passed.status,
      Object.fromEntries(
        [...passed.headers].filter(
          ([name]) => !/^(content-encoding|content-length|transfer-encoding|connection)$/.test(name),
        ),
      ),
    );
    response.end(Buffer.from(await passed.arrayBuffer()));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

export async function useDeployment({ root, scratch, cli, endpoint, outputs, aws, environment, one }) {
  const bucket = outputs.bucket.value;
  const preset = (results) =>
    fetch(`${endpoint}/moto-api/static/athena/query-results`, { method: 'POST', body: JSON.stringify({ results }) });
  const program = (args, env = {}) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: scratch,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: scratch, ...environment, AWS_ENDPOINT_URL: endpoint, ...env },
      timeout: 180_000,
    });
    return { status, out: stdout, err: stderr };
  };

  // The emulator speaks http alone, which the bucket's policy refuses: seen, then taken away (drift finds it again).
  const plain = await fetch(`${endpoint}/${bucket}/schemahub/x`, { method: 'PUT', body: 'x' });
  one('the bucket refuses what does not come over TLS', plain.status === 403);
  aws('s3api', 'delete-bucket-policy', '--bucket', bucket);
  // The commands of the tasks, with the environment that their definition gives them.
  const task = aws('ecs', 'describe-task-definition', '--task-definition', outputs.task_definitions.value.transform);
  const [definition] = task.taskDefinition.containerDefinitions;
  const simulator = await startSimulator(cli, '--products', 'BTC-USD:3000,ETH-USD:2000');
  const env = {
    ...Object.fromEntries(definition.environment.map(({ name, value }) => [name, value])),
    COINBASE_API_URL: simulator.url,
    SCHEMAHUB_COINBASE_RATE: '200',
  };
  const command = (...args) => {
    const ended = program([cli, ...args], env);
    if (ended.status !== 0) console.log(ended.err.slice(-2000));
    one(`schemahub ${args.join(' ')} ends 0 on what was deployed`, ended.status === 0);
    return ended;
  };
  command('backfill', 'BTC-USD', 'ETH-USD');
  command(...definition.command);
  const certificate = JSON.parse(command('verify', '--json').out || '{}');
  simulator.stop();
  const { totals, products } = certificate;
  if (!one('the lake in the bucket is complete', totals?.in_table > 4000 && totals.missing === 0)) return;
  const table = aws(
    'glue',
    'get-table',
    '--database-name',
    outputs.athena.value.database,
    '--name',
    'trades_unified',
  )?.Table;
  const { table_type: type, metadata_location: pointer = '' } = table?.Parameters ?? {};
  one(
    'Glue points to the published metadata',
    type === 'ICEBERG' &&
      aws('s3api', 'head-object', '--bucket', bucket, '--key', pointer.replace(`s3://${bucket}/`, '')) !== undefined,
  );
  const leases = aws('dynamodb', 'scan', '--table-name', outputs.tables.value.locks);
  one('every lease was given back', leases?.Count === 0);

  // The function: its file alone, its environment as it was deployed.
  const alone = join(scratch, 'function');
  mkdirSync(alone);
  copyFileSync(join(root, 'apps/data-quality-lambda/dist/index.mjs'), join(alone, 'index.mjs'));
  const call =
    "const { handler } = await import('./index.mjs'); handler({}).then((r) => console.log(JSON.stringify(r)), (e) => { console.error(e.message); process.exit(1); });";
  const deployed = aws('lambda', 'get-function-configuration', '--function-name', outputs.data_quality_function.value)
    .Environment.Variables;
  // Not spawnSync: a troubled Athena answers from this process.
  const invoke = (at = endpoint) =>
    new Promise((resolve) => {
      const options = {
        cwd: alone,
        env: { ...environment, ...deployed, AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL: at },
        timeout: 120_000,
      };
      execFile(process.execPath, ['--input-type=module', '-e', call], options, (error, out, err) =>
        resolve({
          status: error === null ? 0 : 1,
          body: error === null ? JSON.parse(JSON.parse(out).body) : undefined,
          err,
        }),
      );
    });
  const told = (title, { status, err }, pattern) => {
    const ok = status !== 0 && pattern.test(err);
    if (!ok) console.log(err);
    return one(title, ok);
  };
  const newestUs = Date.now() * 1000 - 60_000_000;
  const product = products.map(({ symbol }) => symbol);
  const queue = aws('sqs', 'create-queue', '--queue-name', 'alerts').QueueUrl;
  aws(
    'sns',
    'subscribe',
    '--topic-arn',
    outputs.alerts_topic.value,
    '--protocol',
    'sqs',
    '--notification-endpoint',
    `arn:aws:sqs:us-east-1:123456789012:alerts`,
  );

  await preset(answers({ records: totals.in_table, newestUs, product }));
  const sound = await invoke();
  if (sound.status !== 0) console.log(sound.err);
  const { health_score: score, total_records: records, details } = sound.body ?? {};
  one('the bundle alone judges the lake: 100 points', score === 100 && records === totals.in_table);
  one(
    'missing and void are those of the certificate',
    details?.missing === totals.missing &&
      details?.void === totals.void &&
      details.certificate.commit === certificate.commit.number,
  );
  one('nobody is told of a sound table', aws('sqs', 'receive-message', '--queue-url', queue)?.Messages === undefined);

  await preset(answers({ records: totals.in_table, duplicates: 3, newestUs, product }));
  one('duplicates cost 40 points', (await invoke()).body?.health_score === 60);
  const message = aws('sqs', 'receive-message', '--queue-url', queue)?.Messages?.[0]?.Body ?? '';
  one(
    'the topic is told, with the remedy',
    /health score 60 of 100 \(degraded\)/.test(message) && /transform --rebuild/.test(message),
  );
  const metrics = aws('cloudwatch', 'list-metrics', '--namespace', 'SchemaHub').Metrics;
  one(
    'its metrics are where the alarms look',
    metrics.some(
      ({ MetricName, Dimensions }) =>
        MetricName === 'OverallHealthScore' &&
        Dimensions.some(({ Name, Value }) => Name === 'Source' && Value === 'all'),
    ),
  );

  told('a query without rows is a failure', await invoke(), /delivered no row/);
  const failed = await troubledAthena(endpoint, (action) =>
    action === 'GetQueryExecution'
      ? {
          body: {
            QueryExecution: {
              Status: { State: 'FAILED', StateChangeReason: "TABLE_NOT_FOUND: Table 'trades_unified' does not exist" },
            },
          },
        }
      : undefined,
  );
  told('a failed query is told', await invoke(failed.url), /The query totals failed.*trades_unified.*does not exist/s);
  failed.close();
  const throttled = await troubledAthena(endpoint, () => ({
    status: 400,
    body: { __type: 'TooManyRequestsException', message: 'Rate exceeded' },
  }));
  told('throttling is told', await invoke(throttled.url), /too many requests at once; try again/);
  throttled.close();

  await preset([result([['n', 'bigint']], [totals.in_table])]);
  const query = program(
    [cli, 'query', '--engine', 'athena', '--json', 'SELECT count(*) AS n FROM trades_unified'],
    env,
  );
  if (query.status !== 0) console.log(query.err);
  one(
    'schemahub query --engine athena answers',
    query.status === 0 &&
      JSON.parse(query.out).rows[0].n === totals.in_table &&
      /scanned .*\$0\.000000/.test(query.err),
  );
  const wrong = program([cli, 'query', '--engine', 'athena', 'SELECT 1'], { ...env, ATHENA_WORKGROUP: 'nowhere' });
  one(
    'a workgroup that is not there is told with the variable to look at',
    wrong.status === 1 && /ATHENA_WORKGROUP/.test(wrong.err),
  );

  const alarms = aws('cloudwatch', 'describe-alarms').MetricAlarms;
  const pages = alarms.map(({ AlarmDescription }) => AlarmDescription.match(/docs\/operations\/([a-z-]+\.md)$/)?.[1]);
  one(
    `${alarms.length} alarms, each with its runbook`,
    alarms.length > 20 && pages.every((page) => page !== undefined && existsSync(join(root, 'docs/operations', page))),
  );
}
