import { checkContract, systemClock } from '@schemahub/connector-kit';
import { ExchangeError } from '@schemahub/core';
import { loadConfig } from '@schemahub/runtime/config';
import { openContract } from '@schemahub/runtime/exchange';
import { type CommandRun, textFlag } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { hanging, say } from '../text-table.js';

/** Cells before the text of a fact. */
const INDENT = 27;

/** `probe EXCHANGE`: asks the exchange whether every fact that its connector relies on still holds. Writes nothing. */
export const run: CommandRun = async (invocation) => {
  const { io, args, flags, stop } = invocation;
  const exchange = args[0] ?? invocation.config.text('exchange');
  const config = await loadConfig({ flags: { ...flags, exchange }, environment: io.environment, folder: io.folder });
  const { facts, ask, origin, product } = openContract({
    config,
    clock: io.clock ?? systemClock,
    fetch: io.fetch,
    product: textFlag(invocation, 'product'),
    stop,
  });
  try {
    const findings = await checkContract(facts, ask);
    const differing = findings.filter(({ holds }) => !holds);
    if (invocation.json) io.out(`${JSON.stringify({ exchange, origin, product, findings })}\n`);
    else {
      for (const { name, expected, holds, seen } of findings) {
        io.out(
          `${holds ? io.style('green', 'holds  ') : io.style('red', 'DIFFERS')} ${name.padEnd(18)} ${hanging(expected, INDENT, io)}\n`,
        );
        if (!holds) io.out(`${''.padEnd(INDENT)}${io.style('yellow', hanging(`seen: ${seen}`, INDENT, io))}\n`);
      }
      const verdict =
        differing.length === 0
          ? 'all hold'
          : `${differing.length} differ (${differing.map(({ name }) => name).join(', ')}): do not trust new data before the connector is checked; please report this output`;
      say(io, `${origin}, ${product}: ${findings.length} facts, ${verdict}.\n`);
    }
    return differing.length === 0 ? exitCodes.complete : exitCodes.damage;
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    io.err(`${error.message}\n`);
    return exitCodes.unavailable;
  }
};
