// infra/terraform without AWS: format, validity, `terraform test` with a mocked provider; then against moto the whole life of
// a deployment: apply, no change, use by the CLI and the function's bundle, drift, destroy. The tools lie beside the checkout.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { useDeployment } from './deployment.mjs';
import { startMoto } from './moto.mjs';
import { checkStateMachine, definitionIn } from './state-machine.mjs';

const AWS_ENV = {
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  TF_IN_AUTOMATION: 'true',
};

/** A program with its output kept; resolves when it ends. */
function background(command, args) {
  const child = spawn(command, args, { env: { ...process.env, ...AWS_ENV }, stdio: ['ignore', 'pipe', 'pipe'] });
  const parts = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => parts.push(part));
  return new Promise((resolve) =>
    child.once('close', (code) => resolve({ code, text: Buffer.concat(parts).toString('utf8') })),
  );
}

/** Addresses that a plan would change. */
function changesOf(json) {
  return JSON.parse(json)
    .resource_changes.filter(({ change }) => change.actions.some((action) => !['no-op', 'read'].includes(action)))
    .map(({ address }) => address)
    .sort();
}

export async function terraform({ root, scratch, cli, say, one, count }) {
  say('infra/terraform');
  const tool = join(root, '../shared/tools/terraform-offline');
  if (!existsSync(tool) || spawnSync(tool, ['version'], { stdio: 'ignore' }).status !== 0) {
    console.log(
      `SKIPPED: ${tool} and terraform with its AWS provider are not on this machine. Nothing of infra/terraform was checked.`,
    );
    count({ passed: 0, failed: 0, skipped: 1 });
    return;
  }
  // A copy: Terraform writes beside its files.
  const tree = join(scratch, 'terraform-tree');
  const copy = join(tree, 'infra');
  const queries = 'internal/observability/saved-queries.json';
  cpSync(join(root, 'infra'), copy, { recursive: true, filter: (path) => !path.includes('.terraform') });
  cpSync(join(root, queries), join(tree, queries));
  const zip = join(root, 'apps/data-quality-lambda/dist/data-quality-lambda.zip');
  const tf = (...args) => background(tool, [`-chdir=${join(copy, 'terraform')}`, ...args]);
  const check = (title, { code, text }, expected = 0) => {
    if (code !== expected) console.log(text);
    return one(title, code === expected);
  };
  check('terraform fmt finds nothing to do', await tf('fmt', '-check', '-recursive', '-diff'));
  if (!check('terraform init', await tf('init', '-input=false'))) return;
  check('terraform validate', await tf('validate'));
  if (!one('the function is built', existsSync(zip))) return;

  const port = 6000 + (process.pid % 1000);
  const server = startMoto({ root, log: join(scratch, 'moto-terraform.log'), port });
  if (!one('moto is up', server !== undefined)) return;
  try {
    const endpoint = `http://127.0.0.1:${port}`;
    const variables = [`aws_endpoint=${endpoint}`, `lambda_zip=${zip}`, 'force_destroy=true'];
    const given = ['-input=false', ...variables.flatMap((variable) => ['-var', variable])];
    // Apply mostly waits: the mocked tests use the time.
    const [applied, tested] = await Promise.all([
      tf('apply', '-auto-approve', '-parallelism=30', ...given),
      tf('test', '-json', '-verbose'),
    ]);
    // Its states are printed with every schema: 60 MB that nobody wants to see.
    const lines = tested.text.split('\n').filter((line) => line.length < 10_000);
    check('terraform test (mocked provider)', { ...tested, text: lines.join('\n') });
    const definition = definitionIn(tested.text);
    if (one('there is a state machine to look at', definition !== undefined)) checkStateMachine(definition, one);
    if (!check('terraform apply makes everything', applied)) return;
    check('a second plan changes nothing', await tf('plan', '-detailed-exitcode', ...given));
    const outputs = JSON.parse((await tf('output', '-json')).text);
    const aws = (...args) => {
      const { status, stdout, stderr } = spawnSync('aws', ['--endpoint-url', endpoint, '--output', 'json', ...args], {
        env: { ...process.env, ...AWS_ENV },
        encoding: 'utf8',
      });
      if (status !== 0) console.log(`aws ${args.join(' ')}: ${stderr}`);
      return status === 0 && stdout !== '' ? JSON.parse(stdout) : undefined;
    };
    await useDeployment({ root, scratch, cli, endpoint, outputs, aws, environment: AWS_ENV, one });

    aws('s3api', 'delete-public-access-block', '--bucket', outputs.bucket.value);
    aws(
      'dynamodb',
      'update-time-to-live',
      '--table-name',
      outputs.tables.value.locks,
      '--time-to-live-specification',
      'Enabled=false,AttributeName=ttl',
    );
    const plan = join(scratch, 'drift.tfplan');
    check('drift is found', await tf('plan', '-detailed-exitcode', `-out=${plan}`, ...given), 2);
    const drifted = changesOf((await tf('show', '-json', plan)).text);
    console.log(`drift: ${drifted.join(', ')}`);
    // The task's rights name the table, so that Terraform reads them again.
    const expected = [
      'aws_dynamodb_table.locks',
      'aws_s3_bucket_policy.lake',
      'aws_s3_bucket_public_access_block.lake',
    ];
    one(
      'drift: exactly what was changed by hand',
      JSON.stringify(drifted.filter((address) => address !== 'aws_iam_role_policy.task')) === JSON.stringify(expected),
    );
    check('terraform destroy', await tf('destroy', '-auto-approve', '-parallelism=30', ...given));
    const left = await tf('state', 'list');
    one('destroy leaves nothing', left.code === 0 && left.text.trim() === '');
  } finally {
    server.kill('SIGKILL');
  }
}
