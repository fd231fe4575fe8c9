/** The header fields of one message: line boundaries first, text when somebody asks (RFC 3261 §7.3). */
import { Buffer, isUtf8 } from 'node:buffer';
import { type HeaderName, headerName } from './names.ts';
import { Scanner, splitList } from './scanner.ts';

const CONTENT_LENGTH = headerName('Content-Length');

/**
 * One header field line. Never changes for its readers, so messages may share it. There are many: without `#`, making and
 * reading one takes the engine a third less.
 */
export class Field {
  readonly name: HeaderName;
  private text: string;
  /** The same as `text`, as long as the value is not cut out of it. */
  private codes: Uint8Array | undefined;
  private readonly from: number;
  private readonly to: number;
  private readonly rough: boolean;

  /**
   * The value is all of `text`, or, where `codes` has the same as octets, what stands from `from` to `to`; `rough`: that is
   * folded, or has a CR that ends no line, or octets beyond ASCII.
   */
  constructor(name: HeaderName, text: string, codes?: Uint8Array, from = 0, to = 0, rough = false) {
    this.name = name;
    this.text = text;
    this.codes = codes;
    this.from = from;
    this.to = to;
    this.rough = rough;
  }

  is(name: HeaderName): boolean {
    return this.name === name || (!name.known && this.name.key === name.key);
  }

  /** Unfolded and trimmed. No CR or LF is ever in it. */
  get value(): string {
    if (this.codes !== undefined) this.cut();
    return this.text;
  }

  get empty(): boolean {
    return this.codes === undefined || this.rough ? this.value === '' : this.from === this.to;
  }

  /** A cursor at the beginning of the value. `what` names it in errors. */
  scan(what: string): Scanner {
    if (this.codes !== undefined && this.needsRepair()) this.cut();
    if (this.codes === undefined) return Scanner.of(this.text, what);
    return new Scanner(this.text, this.codes, this.from, this.to, what);
  }

  /**
   * The same line with `first` at `middle` and `last` at `end` put in: positions a cursor of it has given, in the text it has
   * walked, `walked`. Undefined when the value has been cut out of that text since.
   */
  insert(walked: string, middle: number, first: string, end: number, last: string): Field | undefined {
    const { text } = this;
    if (text !== walked) return undefined;
    const from = this.codes === undefined ? 0 : this.from;
    const to = this.codes === undefined ? text.length : this.to;
    const value = text.slice(from, middle) + first + text.slice(middle, end) + last + text.slice(end, to);
    return new Field(this.name, value);
  }

  /** An LF that ends no line is looked for only now: few values are ever read. */
  private needsRepair(): boolean {
    if (this.rough) return true;
    const lineFeed = this.text.indexOf('\n', this.from);
    return lineFeed >= 0 && lineFeed < this.to;
  }

  private cut(): void {
    const raw = this.text.slice(this.from, this.to);
    this.text = this.needsRepair() ? unfold(decodeLatin1(raw)) : raw;
    this.codes = undefined;
  }
}

/** A copy of `text`: a cut keeps the whole datagram it came from, and some are kept for 32 s or a call. */
export function detach(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

/** What the octets of `raw` mean: UTF-8 where they are UTF-8 (RFC 3261 §7), else one by one, so that nothing is lost. */
export function decodeLatin1(raw: string): string {
  if (!/[\x80-\xff]/.test(raw)) return raw;
  const bytes = Buffer.from(raw, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : raw;
}

/** RFC 3261 §7.3.1: a fold is one blank. A CR or LF that ends no line is made harmless the same way. Linear in any input. */
function unfold(raw: string): string {
  if (!/[\r\n]/.test(raw)) return raw;
  return raw
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .join(' ')
    .trim();
}

/** A field of our own making. */
export function makeField(name: string, value: string): Field {
  return new Field(headerName(name), unfold(value).trim());
}

/** What requests and responses have in common: an ordered list of header fields. Names: any case, compact forms too. */
export abstract class HeaderFields {
  protected fields: Field[];

  constructor(fields: Field[]) {
    this.fields = fields;
  }

  /** Called after each change, so that parsed views are made again. */
  protected abstract changed(): void;

  protected find(name: HeaderName): Field | undefined {
    const at = this.findFrom(name, 0);
    return at < 0 ? undefined : this.fields[at];
  }

  /** Where the first line of that name stands at or behind line `from`; negative: nowhere. */
  private findFrom(name: HeaderName, from: number): number {
    const { fields } = this;
    for (let i = from; i < fields.length; i++) {
      // The objects tell known names apart; the others are compared in full.
      if (fields[i].name === name || (!name.known && fields[i].is(name))) return i;
    }
    return -1;
  }

  /** What `read` makes of all lines of that name, in one list. */
  protected readAll<T>(name: HeaderName, read: (scanner: Scanner) => T[]): T[] {
    let at = this.findFrom(name, 0);
    if (at < 0) return [];
    const all = read(this.fields[at].scan(name.written));
    while ((at = this.findFrom(name, at + 1)) >= 0) all.push(...read(this.fields[at].scan(name.written)));
    return all;
  }

  /** The first line of that name, unfolded and trimmed. */
  header(name: string): string | undefined {
    return this.find(headerName(name))?.value;
  }

  /** All lines of that name, each whole. */
  headers(name: string): string[] {
    const wanted = headerName(name);
    const values: string[] = [];
    for (const field of this.fields) if (field.is(wanted)) values.push(field.value);
    return values;
  }

  /** All values of that name: lines in order, cut at their commas (quoted strings and `<>` respected). */
  list(name: string): string[] {
    return this.headers(name).flatMap(splitList);
  }

  has(name: string): boolean {
    return this.find(headerName(name)) !== undefined;
  }

  /** The first name that stands again though it may only once (RFC 4475 §3.3.8). */
  repeated(): string | undefined {
    let seen = 0;
    for (const { name } of this.fields) {
      if ((seen & name.once) !== 0) return name.written;
      seen |= name.once;
    }
    return undefined;
  }

  /** Every line in order, with its name as it will be written. */
  lines(): [name: string, value: string][] {
    return this.fields.map((field) => [field.name.written, field.value]);
  }

  /** Replaces all lines of that name by one, where the first one stood, else at the end. */
  set(name: string, value: string): this {
    const field = makeField(name, value);
    const index = this.fields.findIndex((other) => other.is(field.name));
    if (index < 0) this.fields.push(field);
    else {
      this.fields = this.fields.filter((other, i) => i === index || !other.is(field.name));
      this.fields[index] = field;
    }
    this.changed();
    return this;
  }

  /** Replaces the first line of that name; the others stay. */
  setFirst(name: string, value: string): this {
    const field = makeField(name, value);
    const index = this.fields.findIndex((other) => other.is(field.name));
    if (index < 0) this.fields.push(field);
    else this.fields[index] = field;
    this.changed();
    return this;
  }

  /** Adds a line at the end. */
  add(name: string, value: string): this {
    this.fields.push(makeField(name, value));
    this.changed();
    return this;
  }

  /** Adds a line before all others, as a Via or Route is put on. */
  prepend(name: string, value: string): this {
    this.fields.unshift(makeField(name, value));
    this.changed();
    return this;
  }

  /** Every header line but Content-Length, ready for the wire. */
  formatFields(): string {
    let text = '';
    for (const field of this.fields) {
      if (field.name !== CONTENT_LENGTH) text += `${field.name.written}: ${field.value}\r\n`;
    }
    return text;
  }

  remove(name: string): this {
    const unwanted = headerName(name);
    this.fields = this.fields.filter((field) => !field.is(unwanted));
    this.changed();
    return this;
  }
}
