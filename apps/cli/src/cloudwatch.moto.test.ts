import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { CloudWatchClient, GetMetricStatisticsCommand, ListMetricsCommand } from '@aws-sdk/client-cloudwatch';
import { isMetricName } from '@schemahub/observability';
import { beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { createStandingClock } from './testing/standing-clock.js';
import { type CliRun, createWorld, WORLD_NOW } from './testing/virtual-run.js';

const endpoint = process.env.MOTO_URL ?? '';
const bucket = `metrics-${randomUUID()}`;
/** Of this run of the suite alone: the server keeps what earlier ones sent. */
const product = `M${randomUUID().slice(0, 8).toUpperCase()}-USD`;

beforeAll(async () => {
  expect((await fetch(`${endpoint}/${bucket}`, { method: 'PUT' })).ok).toBe(true);
});

describe('metrics of a run', () => {
  it('are in CloudWatch afterwards: under the namespace, by name, Source and Product, with the run’s own numbers', async () => {
    // A week that no other test of this server has metrics in.
    const now = WORLD_NOW + 7 * 86_400_000;
    const clock = createStandingClock(now);
    let answers = 0;
    const sim = { clock: { ...clock, now: () => clock.now() + 6000 * answers++ } };
    const products = [{ id: product, trades: 4000, endTime: now - 900_000 }];
    const world = await createWorld({ products, clock, sim });
    const client = new CloudWatchClient({
      region: 'us-east-1',
      endpoint,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    try {
      const environment = {
        SCHEMAHUB_LAKE: `s3://${bucket}/lake`,
        AWS_ENDPOINT_URL: endpoint,
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        SCHEMAHUB_METRICS: 'cloudwatch',
        SCHEMAHUB_CACHE_DIR: join(world.folder, 'cache'),
      };
      const run = (args: readonly string[]): Promise<CliRun> => world.run(args, { plain: true, environment });
      for (const command of ['backfill', 'transform', 'verify', 'quality']) {
        const args = command === 'backfill' ? [product] : command === 'quality' ? ['--stale-minutes', '9999'] : [];
        const { code, out, err } = await run([command, ...args]);
        expect(code, `${command}: ${out}${err}`).toBe(exitCodes.complete);
        expect(err).not.toContain('metrics could not be sent');
      }
      const statistic = async (
        MetricName: string,
        dimensions: Readonly<Record<string, string>>,
        name: 'Sum' | 'Maximum',
      ): Promise<number | undefined> => {
        const { Datapoints = [] } = await client.send(
          new GetMetricStatisticsCommand({
            Namespace: 'SchemaHub',
            MetricName,
            Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
            StartTime: new Date(now - 3_600_000),
            EndTime: new Date(now + 3_600_000),
            Period: 7200,
            Statistics: [name],
          }),
        );
        return Datapoints[0]?.[name];
      };
      expect(await statistic('IngestCount', { Source: 'coinbase', Product: product }, 'Maximum')).toBe(4000);
      expect(await statistic('TransformRecords', { Source: 'coinbase' }, 'Maximum')).toBe(4000);
      expect(await statistic('TotalRecords', { Source: 'all' }, 'Maximum')).toBe(4000);
      expect(await statistic('DataCompleteness', { Source: 'all' }, 'Maximum')).toBe(100);
      expect(await statistic('ParquetBytes', { Source: 'all' }, 'Maximum')).toBeGreaterThan(10_000);
      const names = new Set<string>();
      let NextToken: string | undefined;
      do {
        const page = await client.send(new ListMetricsCommand({ Namespace: 'SchemaHub', NextToken }));
        for (const { MetricName } of page.Metrics ?? []) names.add(MetricName!);
        ({ NextToken } = page);
      } while (NextToken !== undefined);
      for (const name of names) expect(isMetricName(name), name).toBe(true);
      const steady = ['APISuccessCount', 'ExchangeResponseTime', 'JobRuns', 'JobFailures', 'CommitSeconds'];
      expect([...names]).toEqual(expect.arrayContaining(steady));
    } finally {
      client.destroy();
      await world.remove();
    }
  });
});
