import { type LakeStatus, readStatus } from '@schemahub/runtime/audit';
import { openLake } from '@schemahub/runtime/lake';
import type { CommandRun, Invocation } from '../command.js';
import { combineExitCodes, exitCodes } from '../exit-codes.js';
import { bar, durationText, grouped, say, type TextColumn, textTable } from '../text-table.js';

type ProductLine = LakeStatus['products'][number];

const BAR_CELLS = 10;
const SECONDS_A_DAY = 86_400;

function lagText(seconds: number | null): string {
  if (seconds === null) return '-';
  return seconds < SECONDS_A_DAY ? durationText(seconds) : `${grouped(Math.floor(seconds / SECONDS_A_DAY))} days`;
}

/** Whole percent, rounded down: 100 only when nothing is missing. */
function percent(share: number | null): string {
  return share === null ? '-' : `${Math.floor(share * 100)}%`;
}

interface Cell extends TextColumn {
  readonly text: (line: ProductLine) => string;
  /** Left out where the terminal is narrow. */
  readonly optional?: boolean;
}

const cells: readonly Cell[] = [
  { title: 'product', text: (line) => line.product_id },
  { title: 'coverage', text: (line) => `${bar(line.coverage ?? 0, BAR_CELLS)} ${percent(line.coverage)}` },
  { title: 'in table', align: 'right', text: (line) => grouped(line.in_table) },
  { title: 'void', align: 'right', text: (line) => grouped(line.void), optional: true },
  { title: 'missing', align: 'right', text: (line) => grouped(line.missing) },
  { title: 'raw only', align: 'right', text: (line) => grouped(line.raw_only) },
  { title: 'first trade', text: (line) => line.first_trade?.slice(0, 10) ?? '-', optional: true },
  { title: 'last trade', text: (line) => line.last_trade?.slice(0, 10) ?? '-' },
  { title: 'lag', text: (line) => (line.closed === null ? lagText(line.lag_seconds) : line.closed) },
];
/** Below this width the optional columns are left out. */
const FULL_WIDTH = 100;

type ExchangeLine = LakeStatus['exchanges'][number];

function healthText({ health, eta_seconds: eta }: ExchangeLine): string {
  if (health === null) return '';
  const { latency_ms_p50: p50, latency_ms_p95: p95 } = health;
  const latency =
    p50 === null || p95 === null ? '' : `, answers in ${Math.round(p50)} ms (95 %: ${Math.round(p95)} ms)`;
  const rate = `${grouped(Math.round(health.trades_per_second * 60))} trades/min`;
  const rest = eta === null ? '' : `; what is missing takes ${durationText(eta)} at that rate`;
  return `  last run of ${health.at}: ${rate}, ${(health.error_rate * 100).toFixed(1)} % errors${latency}${rest}\n`;
}

/** What every process has written to the health table: the whole fleet's view. */
function sharedText({ shared }: ExchangeLine): string {
  if (shared === null) return '';
  const { status, consecutiveFailures, avgResponseTimeMs, errorRate, lastSuccessAt, lastErrorMessage } = shared;
  const parts = [
    `${(errorRate * 100).toFixed(1)} % errors`,
    `answers in ${Math.round(avgResponseTimeMs)} ms on average`,
    ...(lastSuccessAt === undefined ? [] : [`last good answer ${new Date(lastSuccessAt).toISOString()}`]),
    ...(consecutiveFailures === 0
      ? []
      : [`${consecutiveFailures} failures in a row: ${lastErrorMessage ?? 'unknown'}`]),
  ];
  return `  health table: ${status}, ${parts.join(', ')}\n`;
}

function exchangeText(line: ExchangeLine): string {
  const { exchange, breaker, since, last_error: error } = line;
  const detail = [...(since === null ? [] : [`since ${since}`]), ...(error === null ? [] : [error])].join(', ');
  return `${exchange}: circuit ${breaker}${detail === '' ? '' : ` (${detail})`}\n${healthText(line)}${sharedText(line)}`;
}

function print(invocation: Invocation, status: LakeStatus): void {
  const { io, config } = invocation;
  const shown = cells.filter(({ optional }) => optional !== true || io.columns >= FULL_WIDTH);
  const rows = status.products.map((line) => shown.map(({ text }) => text(line)));
  io.out(textTable(shown, rows, io.columns));
  const stale = config.number('stale-minutes') * 60;
  for (const { product_id: id, lag_seconds: lag, closed, quarantined, findings } of status.products) {
    if (quarantined > 0) say(io, `${id}: ${grouped(quarantined)} ids quarantined\n`);
    if (findings > 0) say(io, `${io.style('red', id)}: damage was seen; what it is: schemahub verify ${id}\n`);
    if (closed === null && lag !== null && lag > stale)
      say(io, `${io.style('yellow', id)}: stale, no trade for ${lagText(lag)}\n`);
  }
  for (const line of status.exchanges) say(io, exchangeText(line));
  const at = status.committed_at === null ? '' : ` of ${status.committed_at}`;
  io.out(status.commit === null ? 'no commit yet: schemahub transform\n' : `commit ${status.commit}${at}\n`);
  for (const productId of status.unknown) io.err(`${io.style('red', productId)}: the lake holds nothing of it\n`);
}

/** `status`: what is held, per product; a quick look that proves nothing. */
export const run: CommandRun = async (invocation) => {
  const { config, io, args } = invocation;
  const lake = await openLake({ config, clock: io.clock });
  const status = await readStatus({ lake, config, products: args.length === 0 ? undefined : args });
  if (invocation.json) io.out(`${JSON.stringify(status)}\n`);
  else print(invocation, status);
  return combineExitCodes([status.unknown.length > 0 ? exitCodes.incomplete : exitCodes.complete]);
};
