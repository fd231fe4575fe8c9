/** Parameters of header fields and URIs, `;name=value` (RFC 3261 §7.3.1, §19.1.1): those on the wire as marks in their text. */
import { sameWord } from './codes.ts';

/**
 * Names are lower-case; `null`: a flag without value. Quoted values are held without their quotes. Of two with one name the
 * first counts, so that nobody overrides a parameter by repeating it. A Map is one.
 */
export interface Params extends Iterable<[name: string, value: string | null]> {
  /** `name`: lower-case. */
  get(name: string): string | null | undefined;
  has(name: string): boolean;
  readonly size: number;
}

/** Marks per parameter: where its name begins and ends, where its value does. */
const MARKS = 4;
const QUOTE = 34;

/** What a reader found: no text is made of a parameter before somebody asks for it. */
export class ParamList implements Params {
  readonly text: string;
  private readonly codes: Uint8Array;
  private readonly marks: readonly number[];
  private map: ReadonlyMap<string, string | null> | undefined;

  constructor(text: string, codes: Uint8Array, marks: readonly number[]) {
    this.text = text;
    this.codes = codes;
    this.marks = marks;
  }

  get(name: string): string | null | undefined {
    const mark = this.find(name);
    return mark < 0 ? undefined : this.value(mark);
  }

  has(name: string): boolean {
    return this.find(name) >= 0;
  }

  /** Where the text of the last one ends; negative: there is none. */
  get end(): number {
    return this.endAt(this.marks.length - MARKS);
  }

  /** Where the text of the first `name` ends; negative: there is none. */
  endOf(name: string): number {
    return this.endAt(this.find(name));
  }

  get size(): number {
    return this.all().size;
  }

  [Symbol.iterator](): IterableIterator<[string, string | null]> {
    return this.all()[Symbol.iterator]();
  }

  private find(name: string): number {
    const marks = this.marks;
    for (let i = 0; i < marks.length; i += MARKS) {
      if (marks[i + 1] - marks[i] === name.length && sameWord(this.codes, marks[i], name)) return i;
    }
    return -1;
  }

  private endAt(mark: number): number {
    if (mark < 0) return -1;
    const from = this.marks[mark + 2];
    if (from < 0) return this.marks[mark + 1];
    return this.marks[mark + 3] + (this.codes[from - 1] === QUOTE ? 1 : 0);
  }

  private value(mark: number): string | null {
    const from = this.marks[mark + 2];
    if (from < 0) return null;
    const value = this.text.slice(from, this.marks[mark + 3]);
    return this.codes[from - 1] === QUOTE ? unquote(value) : value;
  }

  private all(): ReadonlyMap<string, string | null> {
    if (this.map !== undefined) return this.map;
    const map = new Map<string, string | null>();
    const marks = this.marks;
    for (let i = 0; i < marks.length; i += MARKS) {
      const name = this.text.slice(marks[i], marks[i + 1]).toLowerCase();
      if (!map.has(name)) map.set(name, this.value(i));
    }
    this.map = map;
    return map;
  }
}

export const NO_PARAMS: Params = new ParamList('', new Uint8Array(0), []);

/** Those of a Via with what was seen of its sender: `received`, and the value of its `rport` where it had none. */
export class StampedParams implements Params {
  private readonly written: Params;
  private readonly received: string;
  private readonly rport: string | undefined;

  constructor(written: Params, received: string, rport: string | undefined) {
    this.written = written;
    this.received = received;
    this.rport = rport;
  }

  get(name: string): string | null | undefined {
    if (name === 'received') return this.received;
    if (name === 'rport' && this.rport !== undefined) return this.rport;
    return this.written.get(name);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  get size(): number {
    return this.written.size + 1;
  }

  *[Symbol.iterator](): IterableIterator<[string, string | null]> {
    for (const [name] of this.written) yield [name, this.get(name)!];
    yield ['received', this.received];
  }
}

/** `;name=value` for each, quoted where it must be. */
export function formatParams(params: Params): string {
  let text = '';
  for (const [name, value] of params) text += formatParam(name, value);
  return text;
}

export function formatParam(name: string, value: string | null): string {
  return value === null ? `;${name}` : `;${name}=${isPlainValue(value) ? value : quote(value)}`;
}

const isPlainValue = (text: string): boolean => /^[A-Za-z0-9\-.!%*_+`'~[\]:]+$/.test(text);

/** `text` as a quoted-string. */
export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replace(/[\r\n]+/g, ' ')}"`;
}

/** What stands between the quotes of a quoted-string, without its backslashes. */
export function unquote(inner: string): string {
  return inner.includes('\\') ? inner.replace(/\\([\s\S])/g, '$1') : inner;
}
