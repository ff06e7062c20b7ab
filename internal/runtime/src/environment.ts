/** The process environment: the one place where it is read. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** Keeps the AWS SDK from printing its advice about Node versions among our lines; what the user has set stays. */
export function quietAwsSdk(): void {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
}
