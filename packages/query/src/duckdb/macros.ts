import { type QuestionDialect, type QuestionValues, questions } from '../questions.js';
import { crossVenueMacros, type Macro } from './cross-venue.js';

/** A struct orders by its members: by time, then by id. Ids that are no number order by time alone. */
const moment = (time: string, id: string): string => `{ts: ${time}, id: ${id}}`;

const duckdb: QuestionDialect = {
  idNumber: (id) => `TRY_CAST(${id} AS UBIGINT)`,
  first: (value, time, id) => `arg_min(${value}, ${moment(time, id)})`,
  last: (value, time, id) => `arg_max(${value}, ${moment(time, id)})`,
  bucket: (bucket, time) => `time_bucket(CAST(${bucket} AS INTERVAL), ${time})`,
  bounds: (time, since, until) => [
    `(${since} IS NULL OR ${time} >= CAST(${since} AS TIMESTAMPTZ))`,
    `(${until} IS NULL OR ${time} < CAST(${until} AS TIMESTAMPTZ))`,
  ],
  daysAgo: (days) => `now() - to_days(${days})`,
};

/** The parameters by their names. */
const parameters: QuestionValues = {
  symbol: 'symbol',
  bucket: 'bucket',
  since: 'since',
  until: 'until',
  n: 'n',
  days: 'days',
};

/** `bucket` is an INTERVAL or its text ('1 minute', '5m', '1h', '1d'). */
export const macros: readonly Macro[] = [
  ...questions.map((question) => ({
    name: question.name,
    parameters: question.parameters,
    signature: question.signature,
    doc: question.doc,
    sql: question.sql(duckdb, parameters),
  })),
  ...crossVenueMacros,
];

/** The statement that makes a macro. */
export function createMacro({ name, parameters, sql }: Macro): string {
  return `CREATE MACRO ${name}(${parameters}) AS TABLE ${sql}`;
}
