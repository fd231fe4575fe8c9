/** What requests and responses share: header fields, their parsed views, the body. Views are made when first asked for. */
import { type NameAddr, parseNameAddr, parseNameAddrs } from './address.ts';
import { SipSyntaxError, shown } from './errors.ts';
import { type Field, HeaderFields } from './fields.ts';
import { headerName } from './names.ts';
import { Scanner } from './scanner.ts';
import { parseFirstVia, parseVias, type Via } from './via.ts';

export interface CSeq {
  readonly sequence: number;
  readonly method: string;
}

export const NO_BODY = new Uint8Array(0);
const UINT32 = 2 ** 32 - 1;

/**
 * The views (`via`, `from`, `cseq`...) throw `SipSyntaxError` naming the header field when it is malformed; the mandatory
 * ones (`via`, `from`, `to`, `callId`, `cseq`) also when it is missing. Their results are shared: not to be changed.
 */
export abstract class SipMessageBase extends HeaderFields {
  body: Uint8Array;
  #via?: Via;
  #from?: NameAddr;
  #to?: NameAddr;
  #cseq?: CSeq;
  #contacts?: readonly NameAddr[];

  constructor(fields: Field[], body: Uint8Array = NO_BODY) {
    super(fields);
    this.body = body;
  }

  protected override changed(): void {
    this.#via = this.#from = this.#to = this.#cseq = this.#contacts = undefined;
  }

  /** The topmost Via value. */
  get via(): Via {
    this.#via ??= parseFirstVia(this.#need('via'));
    return this.#via;
  }

  get vias(): Via[] {
    return this.headers('via').flatMap(parseVias);
  }

  get from(): NameAddr {
    this.#from ??= parseNameAddr(this.#need('from'), 'From');
    return this.#from;
  }

  get to(): NameAddr {
    this.#to ??= parseNameAddr(this.#need('to'), 'To');
    return this.#to;
  }

  get fromTag(): string | undefined {
    return this.from.params.get('tag') ?? undefined;
  }

  get toTag(): string | undefined {
    return this.to.params.get('tag') ?? undefined;
  }

  get callId(): string {
    return this.#need('call-id');
  }

  get cseq(): CSeq {
    this.#cseq ??= parseCSeq(this.#need('cseq'));
    return this.#cseq;
  }

  /** Every Contact. `Contact: *` (RFC 3261 §10.2.2) is none of them: see `contactIsStar`. */
  get contacts(): readonly NameAddr[] {
    this.#contacts ??= this.contactIsStar
      ? []
      : this.headers('contact').flatMap((text) => parseNameAddrs(text, 'Contact'));
    return this.#contacts;
  }

  get contactIsStar(): boolean {
    return this.find('contact')?.value === '*';
  }

  get routes(): NameAddr[] {
    return this.headers('route').flatMap((text) => parseNameAddrs(text, 'Route'));
  }

  get recordRoutes(): NameAddr[] {
    return this.headers('record-route').flatMap((text) => parseNameAddrs(text, 'Record-Route'));
  }

  /** RFC 4475 §3.1.2.4: a value that cannot be is as good as none. */
  get maxForwards(): number | undefined {
    return this.#scalar('Max-Forwards', 255);
  }

  get contentLength(): number | undefined {
    const text = this.header('Content-Length');
    if (text === undefined) return undefined;
    const scanner = new Scanner(text, 'Content-Length');
    const value = scanner.integer('the value', UINT32);
    scanner.end();
    return value;
  }

  /** Seconds. RFC 4475 §3.1.2.4: a value that cannot be is as good as none. */
  get expires(): number | undefined {
    return this.#scalar('Expires', UINT32);
  }

  /** `type/subtype`, lower-case, without parameters. */
  get contentType(): string | undefined {
    const text = this.find('content-type')?.value;
    if (text === undefined) return undefined;
    const semicolon = text.indexOf(';');
    return (semicolon < 0 ? text : text.slice(0, semicolon)).replace(/[ \t]+/g, '').toLowerCase();
  }

  #scalar(name: string, max: number): number | undefined {
    const text = this.header(name);
    return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) <= max ? Number(text) : undefined;
  }

  #need(key: string): string {
    const value = this.find(key)?.value;
    if (value === undefined || value === '') {
      throw new SipSyntaxError(`Cannot use the message: header field ${headerName(key)} is missing or empty`);
    }
    return value;
  }
}

function parseCSeq(text: string): CSeq {
  const scanner = new Scanner(text, 'CSeq');
  scanner.next();
  // RFC 3261 §8.1.1.5: below 2^31. Up to 2^32 - 1 is read, as RFC 4475 §3.1.2.4 draws the line there.
  const sequence = scanner.integer('the sequence number', UINT32);
  const end = scanner.at;
  scanner.next();
  if (scanner.at === end) scanner.fail(`no blank between number and method in ${shown(text)}`);
  const method = scanner.token('the method');
  scanner.end();
  return { sequence, method };
}
