import { checkMapping, type LoadMappingOptions } from './check-mapping.js';
import type { Mapping } from './mapping.js';

/** One remark about a mapping's text. */
export interface LintFinding {
  /** An error keeps the mapping from loading; a warning is worth a look. */
  readonly severity: 'error' | 'warning';
  /** A MappingErrorCode, or what the warning is about: `SIDE_AS_IT_IS`, `UNBOUNDED_NUMBER`, `ANY_SIDE`. */
  readonly code: string;
  readonly line: number | undefined;
  readonly message: string;
  readonly suggestion: string | undefined;
}

/** Everything that can be said about a mapping's text without data; an empty list is a clean mapping. Never throws for the text. */
export async function lintMapping(text: string, options: LoadMappingOptions): Promise<readonly LintFinding[]> {
  const { mapping, problems } = await checkMapping(text, options);
  if (mapping !== undefined) return warnings(mapping);
  return problems.map(({ code, line, message, suggestion }) => ({
    severity: 'error',
    code,
    line,
    message,
    suggestion,
  }));
}

function warnings(mapping: Mapping): readonly LintFinding[] {
  const findings: LintFinding[] = [];
  const warn = (code: string, message: string): void => {
    findings.push({ severity: 'warning', code, line: undefined, message, suggestion: undefined });
  };
  for (const rule of mapping.rules) {
    if (rule.conversion === 'double' && rule.minimum === null) {
      warn(
        'UNBOUNDED_NUMBER',
        `${rule.column} has no minimum; add validation.${rule.column}: {minimum: 0, exclusive: true} if it must be positive.`,
      );
    }
    if (rule.column !== 'side' || rule.field === null) continue;
    if (!rule.steps.some((step) => step.kind === 'maker_to_taker' || step.kind === 'enum')) {
      warn(
        'SIDE_AS_IT_IS',
        "side is taken as the venue writes it; state by maker_to_taker or enum whose side it is: the table holds the taker's.",
      );
    }
    if (rule.allowed === null) warn('ANY_SIDE', 'side may be any text; add validation.side: {enum: [BUY, SELL]}.');
  }
  return findings;
}
