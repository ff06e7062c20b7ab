export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One line of a log: a text that saved queries match, and the same facts as fields. */
export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of terminals begin with one
const ESCAPES = /\u001b\[[0-9;]*[A-Za-z]|\r/g;

/** A record as one line of JSON. `time` is ms since 1970. */
export function jsonLine({ level, message, fields }: LogRecord, time: number): string {
  return `${JSON.stringify({ time: new Date(time).toISOString(), level, message: message.replace(ESCAPES, ''), ...fields })}\n`;
}

/** Text meant for a terminal as records: a line each, colours taken away, empty lines left out. */
export function recordsOf(text: string): LogRecord[] {
  return text
    .replace(ESCAPES, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => ({ level: line.startsWith('error:') ? 'error' : 'info', message: line }));
}
