/** One YAML file: its values, and where in the text each of them stands. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml';
import { readText } from './read.ts';
import type { Problem } from './types.ts';

export interface Place {
  /** From 1. */
  line: number;
  /** How many parts of the path are really written there. */
  depth: number;
}

/** Nobody writes so much by hand; what is longer is another file, or a device without end. */
const MAX_BYTES = 1024 * 1024;

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
    let looked = text;
    let { document, lines } = parse(text);
    let readable = true;
    // Shown to nobody as it is: it could be anything, terminal controls included.
    const strange = text.search(/[^\t\n\r\x20-\x7e\x85\xa0-\ufffc\u{10000}-\u{10ffff}]/u);
    if (strange >= 0) {
      const { line, col } = lines.linePos(strange);
      report(line, `column ${col} is no character of a text`, 'text in UTF-8');
      // One letter of another encoding spoils nothing else; with others this is no text at all.
      readable = text[strange] === '\ufffd' && document.errors.length === 0;
    } else if (document.errors.some(({ code }) => code === 'TAB_AS_INDENT')) {
      // The rest of the file is looked at as if the tabs were spaces, so that its other problems come out too.
      looked = text.replace(/^[ \t]*\t[ \t]*/gm, (indent, offset: number) => {
        report(lines.linePos(offset).line, 'a tab indents this line', 'spaces');
        return indent.replaceAll('\t', '  ');
      });
      ({ document, lines } = parse(looked));
      readable = !document.errors.some(({ code }) => code !== 'DUPLICATE_KEY');
    }
    if (readable) {
      let lastLine = 0;
      for (const error of [...document.errors, ...document.warnings]) {
        const { line, col } = lines.linePos(error.pos[0]);
        if (error.code === 'DUPLICATE_KEY') {
          const [key] = looked.slice(error.pos[0]).match(/^[^:\s]+/) ?? ['a key'];
          report(line, `${key} is written twice`, 'each key once');
        } else {
          // One mistake often breaks several rules of the grammar.
          const message = error.code === 'MULTIPLE_DOCS' ? 'a second document begins' : error.message;
          if (line !== lastLine) report(line, `this is not YAML, column ${col}: ${message}`);
          readable = false;
          lastLine = line;
        }
      }
    }
    this.#lines = lines;
    this.#document = document;
    if (readable)
      visit(document, {
        Alias: (_, alias) => {
          if (alias.resolve(document) !== undefined) return;
          report(lines.linePos(alias.range?.[0] ?? 0).line, `there is no &${alias.source} above this`);
          readable = false;
        },
      });
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
    return new Source(file, readText(file, MAX_BYTES));
  }

  /** The line of the key (or list item) at `path`, or of the last part of the path that is there. */
  locate(path: readonly PropertyKey[]): Place {
    let node: Node | null = this.#document.contents;
    let place: Place = { line: 1, depth: 0 };
    for (const part of path) {
      if (isAlias(node)) node = node.resolve(this.#document) ?? null;
      let at: Node | null = null;
      if (isMap(node)) {
        const pair = this.#pair(node, part);
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

  /** The pair with that key; else one that a merge key (`<<`) brings in. */
  #pair(map: YAMLMap, part: PropertyKey): Pair | undefined {
    // The parser makes a symbol of `<<`.
    const nameOf = (value: unknown) => (typeof value === 'symbol' ? value.description : String(value));
    const keyed = (name: string) => map.items.find(({ key }) => isScalar(key) && nameOf(key.value) === name);
    const own = keyed(String(part));
    if (own !== undefined) return own;
    const merged = keyed('<<')?.value;
    for (const each of isSeq(merged) ? merged.items : [merged]) {
      const from = isAlias(each) ? each.resolve(this.#document) : each;
      const pair = isMap(from) ? this.#pair(from, part) : undefined;
      if (pair !== undefined) return pair;
    }
    return undefined;
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
  return {
    document: parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true }) as unknown as Document,
    lines,
  };
}
