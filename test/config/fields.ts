/** Every field of the terminal's file with its help text, what it takes and its default. */
import type { z } from 'zod';
import { defOf, layers, metaAt, type Path } from '../../src/config/explain.ts';
import { formatPath } from '../../src/config/problems.ts';
import { terminalSchema } from '../../src/config/schema.ts';

export interface ReferenceRow {
  path: string;
  help: string;
  expected?: string;
  /** As it would be written; absent: none. */
  default?: unknown;
}

export function configReference(): ReferenceRow[] {
  return reference(terminalSchema({ directory: '/', env: {} }));
}

function reference(schema: z.ZodType, path: Path = []): ReferenceRow[] {
  const all = layers(schema);
  const meta = metaAt(schema, []);
  const byDefault = all.map((one) => defOf(one).defaultValue).find((one) => one !== undefined);
  const rows: ReferenceRow[] = [];
  if (meta.help !== undefined)
    rows.push({ path: formatPath(path), help: meta.help, expected: meta.expected, default: byDefault });
  const seen = new Set<string>();
  for (const one of all) {
    const { shape, element, valueType } = defOf(one);
    if (element) rows.push(...reference(element, [...path, 0]));
    if (valueType) rows.push(...reference(valueType, [...path, 'NAME']));
    for (const [key, field] of Object.entries(shape ?? {})) {
      if (seen.has(key)) continue;
      seen.add(key);
      rows.push(...reference(field, [...path, key]));
    }
  }
  return rows;
}
