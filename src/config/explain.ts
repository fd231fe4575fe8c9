/** Turns what the schema found into problems a person can act on. */
import type { z } from 'zod';
import type { FieldMeta } from './fields.ts';
import { closest, formatPath } from './problems.ts';
import { valueAt } from './source.ts';

type Issue = z.core.$ZodIssue;
export type Path = readonly PropertyKey[];

/** A problem before it is known in which file and line it stands. */
export interface Finding {
  path: Path;
  message: string;
  expected?: string;
}

/** The findings behind `issues`, which `schema` raised about `value`. */
export function explain(schema: z.ZodType, value: unknown, issues: readonly Issue[], prefix: Path = []): Finding[] {
  // What is of the wrong kind is not also empty or out of range.
  const kinds = new Set(issues.flatMap(({ code, path }) => (code === 'invalid_type' ? formatPath(path) : [])));
  return issues
    .filter(({ code, path }) => !(code === 'too_small' || code === 'too_big') || !kinds.has(formatPath(path)))
    .flatMap((issue) => explainOne(schema, value, issue, [...prefix, ...issue.path]))
    .map((finding) => ({ ...finding, message: withoutPassword(finding.message) }));
}

/** Findings reach the journal: `sip:USER:PASSWORD@HOST` without what nobody else may know. */
const withoutPassword = (message: string): string => message.replace(/(:(?:\/\/)?[^\s:@/"]+:)[^\s@"]+(?=@)/g, '$1...');

function explainOne(schema: z.ZodType, value: unknown, issue: Issue, path: Path): Finding[] {
  const given = valueAt(value, path);
  const { expected } = metaAt(schema, path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = keysAt(schema, path, value);
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `${key} is not known here${meant(key, known)}`,
        expected: known.length > 0 ? known.join(', ') : undefined,
      }));
    }
    case 'invalid_union': {
      if (issue.discriminator !== undefined) {
        const options = ((issue as { options?: unknown[] }).options ?? []).map(String);
        return [{ path, message: unknownWord(given, options), expected: options.join(', ') }];
      }
      // The branch that was meant is the one whose kind of value this is.
      const fitting = issue.errors.filter(
        (errors) => !errors.some(({ code, path: at }) => code === 'invalid_type' && at.length === 0),
      );
      const branch = fitting.find((errors) => errors.every(({ path: at }) => at.length > 0)) ?? fitting[0];
      return branch === undefined
        ? [{ path, message: wrongKind(given), expected }]
        : explain(schema, value, branch, path);
    }
    case 'invalid_type':
      if (typeof given === 'number' && expected?.startsWith('a duration')) {
        return [{ path, message: `${given} has no unit, so it could be seconds, milliseconds or minutes`, expected }];
      }
      return [{ path, message: wrongKind(given, issue.expected), expected: expected ?? KINDS[issue.expected] }];
    case 'invalid_value':
      return [
        { path, message: unknownWord(given, issue.values.map(String)), expected: expected ?? issue.values.join(', ') },
      ];
    case 'invalid_key':
      return [
        { path, message: `${JSON.stringify(path.at(-1))} is no usable name`, expected: keyMeta(schema, path).expected },
      ];
    case 'too_small':
    case 'too_big':
      if (typeof given !== 'number') return [{ path, message: 'is empty', expected }];
      return [{ path, message: `${given} is out of range`, expected }];
    case 'invalid_format':
      return [{ path, message: given === '' ? 'is empty' : `${JSON.stringify(given)} is not possible`, expected }];
    default:
      return [{ path, message: issue.message, expected }];
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
  record: 'names with values',
};

function wrongKind(given: unknown, expected?: string): string {
  if (given === undefined) return 'is missing';
  if (given === null) return 'has no value';
  if (Array.isArray(given)) return 'is a list';
  if (typeof given === 'object') return 'has keys of its own';
  if (typeof given === 'string') return `${JSON.stringify(given)} is a text`;
  const quoted = expected === 'string' ? `: for a text write "${given}"` : '';
  return `${String(given)} is ${typeof given === 'number' ? 'a number' : 'true or false'}${quoted}`;
}

function unknownWord(given: unknown, options: readonly string[]): string {
  if (given === undefined || given === null || typeof given === 'object') return wrongKind(given);
  return `${String(given)} is not known${meant(String(given), options)}`;
}

export function meant(word: string, known: readonly string[]): string {
  const candidate = closest(word, known);
  return candidate === undefined ? '' : `; did you mean ${candidate}?`;
}

// ------------------------------------------------------------------ walking the schema

/** The parts of a zod schema this file looks at. */
interface Def {
  type: string;
  innerType?: z.ZodType;
  in?: z.ZodType;
  options?: z.ZodType[];
  shape?: Record<string, z.ZodType>;
  element?: z.ZodType;
  keyType?: z.ZodType;
  valueType?: z.ZodType;
  defaultValue?: unknown;
}

export const defOf = (schema: z.ZodType): Def => (schema as unknown as { _zod: { def: Def } })._zod.def;
const metaOf = (schema: z.ZodType): FieldMeta => (schema.meta() ?? {}) as FieldMeta;

/** What lies below wrappers and unions, outermost first. */
export function layers(schema: z.ZodType): z.ZodType[] {
  const { innerType, in: input, options } = defOf(schema);
  const below = innerType ?? input;
  return [schema, ...(below ? layers(below) : []), ...(options ?? []).flatMap(layers)];
}

/** The schemas one step below. */
function children(schema: z.ZodType, part: PropertyKey): z.ZodType[] {
  return layers(schema).flatMap((layer) => {
    const { shape, element, valueType } = defOf(layer);
    const below = typeof part === 'number' ? element : (shape?.[String(part)] ?? valueType);
    return below ? [below] : [];
  });
}

function schemasAt(schema: z.ZodType, path: Path): z.ZodType[] {
  let at = [schema];
  for (const part of path) at = at.flatMap((one) => children(one, part));
  return at;
}

export function metaAt(schema: z.ZodType, path: Path): FieldMeta {
  const metas = schemasAt(schema, path).flatMap(layers).map(metaOf);
  return Object.assign({}, ...metas.reverse());
}

function keyMeta(schema: z.ZodType, path: Path): FieldMeta {
  const records = schemasAt(schema, path.slice(0, -1)).flatMap(layers);
  const key = records.map((one) => defOf(one).keyType).find((one) => one !== undefined);
  return key ? metaOf(key) : {};
}

/** The keys known at `path`; of a choice by driver, those of the driver that is written there. */
function keysAt(schema: z.ZodType, path: Path, value: unknown): string[] {
  const shapes = schemasAt(schema, path)
    .flatMap(layers)
    .flatMap((one) => [defOf(one).shape ?? {}]);
  const driver = valueAt(value, [...path, 'driver']);
  const fitting = shapes.filter((shape) => shape.driver === undefined || shape.driver.safeParse(driver).success);
  return [...new Set(fitting.flatMap((shape) => Object.keys(shape)))];
}
