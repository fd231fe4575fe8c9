/** One YAML file: its values, and where in the text each of them stands. */
import { readFileSync } from 'node:fs';
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Problem } from './types.ts';

export interface Place {
  /** From 1. */
  line: number;
  /** How many parts of the path are really written there. */
  depth: number;
}

export class Source {
  readonly file: string;
  /** The whole file as plain values; undefined when it could not be read as YAML. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  readonly #lines: LineCounter;
  readonly #document: Document;

  /** Reads nothing: `text` is what the file says. */
  constructor(file: string, text: string) {
    this.file = file;
    const problems: Problem[] = [];
    const report = (line: number, message: string, expected?: string): void => {
      problems.push({ file, line, path: '', message, expected });
    };
    let readText = text;
    let { document, lines } = parse(text);
    let readable = true;
    if (document.errors.some(({ code }) => code === 'TAB_AS_INDENT')) {
      // The rest of the file is looked at as if the tabs were spaces, so that its other problems come out too.
      readText = text.replace(/^[ \t]*\t[ \t]*/gm, (indent, offset: number) => {
        report(lines.linePos(offset).line, 'a tab indents this line', 'spaces');
        return indent.replaceAll('\t', '  ');
      });
      ({ document, lines } = parse(readText));
      readable = !document.errors.some(({ code }) => code !== 'DUPLICATE_KEY');
    }
    if (readable) {
      let lastLine = 0;
      for (const error of [...document.errors, ...document.warnings]) {
        const { line, col } = lines.linePos(error.pos[0]);
        if (error.code === 'DUPLICATE_KEY') {
          const [key] = readText.slice(error.pos[0]).match(/^[^:\s]+/) ?? ['a key'];
          report(line, `${key} is written twice`, 'each key once');
        } else {
          // One mistake often breaks several rules of the grammar.
          if (line !== lastLine) report(line, `this is not YAML, column ${col}: ${error.message}`);
          readable = false;
          lastLine = line;
        }
      }
    }
    this.#lines = lines;
    this.#document = document;
    if (readable) {
      try {
        this.value = document.toJS() ?? {};
      } catch (error) {
        report(1, `this is not YAML: ${(error as Error).message}`);
      }
    }
    this.problems = problems;
  }

  /** Throws what the file system says. */
  static read(file: string): Source {
    return new Source(file, readFileSync(file, 'utf8'));
  }

  /** The line of the key (or list item) at `path`, or of the last part of the path that is there. */
  locate(path: readonly PropertyKey[]): Place {
    let node: Node | null = this.#document.contents;
    let place: Place = { line: 1, depth: 0 };
    for (const part of path) {
      if (isAlias(node)) node = node.resolve(this.#document) ?? null;
      let at: Node | null = null;
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
        if (pair === undefined) break;
        at = pair.key as Node;
        node = isNode(pair.value) ? pair.value : null;
      } else if (isSeq(node) && typeof part === 'number' && isNode(node.items[part])) {
        at = node = node.items[part] as Node;
      } else break;
      place = { line: at.range ? this.#lines.linePos(at.range[0]).line : place.line, depth: place.depth + 1 };
    }
    return place;
  }

  /** The value at `path`, undefined when nothing is there. */
  at(path: readonly PropertyKey[]): unknown {
    return valueAt(this.value, path);
  }
}

export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[part];
  }
  return at;
}

function parse(text: string): { document: Document; lines: LineCounter } {
  const lines = new LineCounter();
  return { document: parseDocument(text, { lineCounter: lines, prettyErrors: false }) as unknown as Document, lines };
}
