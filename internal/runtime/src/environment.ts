/** The process environment: the one place where it is read. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
