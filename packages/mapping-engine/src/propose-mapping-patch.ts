import type { Mapping } from './mapping.js';
import type { ScanReport } from './scan-report.js';

/**
 * A YAML text to edit into the mapping for raw fields that came up or went away; empty where nothing changed. It is all
 * comment: what a new field means cannot be known from its name.
 */
export function proposeMappingPatch(
  report: Pick<ScanReport, 'newFields' | 'vanishedFields'>,
  mapping: Mapping,
): string {
  const { newFields, vanishedFields } = report;
  if (newFields.length === 0 && vanishedFields.length === 0) return '';
  const lines = [
    `# Patch for the mapping of ${mapping.source}. Uncomment what applies; a changed mapping needs a rebuild.`,
  ];
  if (newFields.length > 0) {
    lines.push('# Raw fields that no rule reads; they stay in the raw layer whether mapped or not:', '# mappings:');
    for (const field of newFields) lines.push(`#   ${JSON.stringify(field)}: name_of_a_column`);
  }
  if (vanishedFields.length > 0) {
    lines.push(
      '# Fields that no record has any more. Rename them where the venue did, or give a default:',
      '# mappings:',
    );
    for (const field of vanishedFields) {
      const columns = mapping.rules.filter((rule) => rule.field === field && !rule.optional).map((rule) => rule.column);
      const target = columns.length === 1 ? columns[0]! : `[${columns.join(', ')}]`;
      lines.push(`#   ${JSON.stringify(field)}: ${target}`);
      for (const column of columns) lines.push(`# transforms: { ${column}: [{ default: value }, …] }`);
    }
  }
  return `${lines.join('\n')}\n`;
}
