/** The header fields of one message: line boundaries first, text when somebody asks (RFC 3261 §7.3). */
import { Buffer, isUtf8 } from 'node:buffer';
import { headerKey, headerName } from './names.ts';
import { splitList } from './scanner.ts';

/** One header field line. Never changes for its readers, so messages may share it. */
export class Field {
  /** Long name, lower case. */
  readonly key: string;
  private text: string;
  private from: number;
  private readonly to: number;
  private readonly rough: boolean;

  /** The value stands in `text` from `from` to `to`; `rough`: still folded, or UTF-8 held as Latin-1. */
  constructor(key: string, text: string, from: number, to: number, rough: boolean) {
    this.key = key;
    this.text = text;
    this.from = from;
    this.to = to;
    this.rough = rough;
  }

  /** Unfolded and trimmed. No CR or LF is ever in it. */
  get value(): string {
    if (this.from >= 0) {
      const raw = this.text.slice(this.from, this.to);
      this.text = this.rough ? unfold(decodeLatin1(raw)) : raw;
      this.from = -1;
    }
    return this.text;
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
  return raw
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .join(' ')
    .trim();
}

/** A field of our own making. */
export function makeField(name: string, value: string): Field {
  return new Field(headerKey(name), /[\r\n]|^\s|\s$/.test(value) ? unfold(value) : value, -1, 0, false);
}

/** What requests and responses have in common: an ordered list of header fields. Names: any case, compact forms too. */
export abstract class HeaderFields {
  protected fields: Field[];

  constructor(fields: Field[]) {
    this.fields = fields;
  }

  /** Called after each change, so that parsed views are made again. */
  protected abstract changed(): void;

  protected find(key: string): Field | undefined {
    const { fields } = this;
    for (let i = 0; i < fields.length; i++) if (fields[i].key === key) return fields[i];
    return undefined;
  }

  /** The first line of that name, unfolded and trimmed. */
  header(name: string): string | undefined {
    return this.find(headerKey(name))?.value;
  }

  /** All lines of that name, each whole. */
  headers(name: string): string[] {
    const key = headerKey(name);
    const values: string[] = [];
    for (const field of this.fields) if (field.key === key) values.push(field.value);
    return values;
  }

  /** All values of that name: lines in order, cut at their commas (quoted strings and `<>` respected). */
  list(name: string): string[] {
    return this.headers(name).flatMap(splitList);
  }

  has(name: string): boolean {
    return this.find(headerKey(name)) !== undefined;
  }

  /** Every line in order, with its name as it will be written. */
  lines(): [name: string, value: string][] {
    return this.fields.map((field) => [headerName(field.key), field.value]);
  }

  /** Replaces all lines of that name by one, where the first one stood, else at the end. */
  set(name: string, value: string): this {
    const field = makeField(name, value);
    const index = this.fields.findIndex((other) => other.key === field.key);
    if (index < 0) this.fields.push(field);
    else {
      this.fields = this.fields.filter((other, i) => i === index || other.key !== field.key);
      this.fields[index] = field;
    }
    this.changed();
    return this;
  }

  /** Replaces the first line of that name; the others stay. */
  setFirst(name: string, value: string): this {
    const field = makeField(name, value);
    const index = this.fields.findIndex((other) => other.key === field.key);
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
      if (field.key !== 'content-length') text += `${headerName(field.key)}: ${field.value}\r\n`;
    }
    return text;
  }

  remove(name: string): this {
    const key = headerKey(name);
    this.fields = this.fields.filter((field) => field.key !== key);
    this.changed();
    return this;
  }
}
