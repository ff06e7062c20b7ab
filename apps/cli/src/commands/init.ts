import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { embeddedMappings, embeddedSeeds } from '@schemahub/mappings';
import { type Setting, settings } from '@schemahub/runtime/settings';
import { type CommandRun, isSet } from '../command.js';
import { exitCodes } from '../exit-codes.js';

function line(setting: Setting): string {
  const variables = setting.env.map((name) => name.replace('{EXCHANGE}', 'COINBASE')).join(', ');
  const value = setting.fallback === undefined ? '' : ` ${setting.fallback}`;
  return `# ${setting.doc} (${variables})\n# ${setting.name}:${value}\n`;
}

/** Every setting as a comment with its default: remove the # to change it. Secrets belong into the environment. */
function configTemplate(): string {
  const shown = settings.filter(({ isSecret }) => isSecret !== true);
  return `# Settings of schemahub. A flag wins over the environment, that over .env, that over this file.\n\n${shown.map(line).join('\n')}`;
}

/** `.env.example`: every variable with its meaning. */
export function environmentTemplate(): string {
  const lines = settings.flatMap((setting) =>
    setting.env.map((name) => {
      const value = setting.isSecret === true || setting.fallback === undefined ? '' : String(setting.fallback);
      return `# ${setting.doc}\n# ${name.replace('{EXCHANGE}', 'COINBASE')}=${value}\n`;
    }),
  );
  return `# Copy to .env and remove the # of what you change. Flags and real environment variables win.\n\n${lines.join('\n')}`;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** `init`: a commented schemahub.yaml, .env.example, the product list and the mapping, to be edited. */
export const run: CommandRun = async (invocation) => {
  const { io } = invocation;
  const files: Record<string, string> = { 'schemahub.yaml': configTemplate(), '.env.example': environmentTemplate() };
  for (const [name, text] of [...Object.entries(embeddedMappings), ...Object.entries(embeddedSeeds)])
    files[join('mappings', name)] = text;
  const written: string[] = [];
  const kept: string[] = [];
  for (const [name, text] of Object.entries(files)) {
    const path = join(io.folder, name);
    if (!isSet(invocation, 'force') && (await exists(path))) {
      kept.push(name);
      continue;
    }
    written.push(name);
    if (invocation.dryRun) continue;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  if (invocation.json) io.out(`${JSON.stringify({ written, kept, dry_run: invocation.dryRun })}\n`);
  else {
    for (const name of written) io.out(`${invocation.dryRun ? 'would write' : 'wrote'} ${name}\n`);
    for (const name of kept) io.out(`kept  ${name} (it was there; --force replaces it)\n`);
  }
  if (!invocation.quiet) io.err('Next: schemahub backfill BTC-USD\n');
  return exitCodes.complete;
};
