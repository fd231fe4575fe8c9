/** What requests and responses share: header fields, their parsed views, the body. Views are made when first asked for. */
import { type NameAddr, readNameAddr, readNameAddrs } from './address.ts';
import { SipSyntaxError } from './errors.ts';
import { type Field, HeaderFields } from './fields.ts';
import { type HeaderName, headerName } from './names.ts';
import { formatParam, ParamList, StampedParams } from './params.ts';
import type { Scanner } from './scanner.ts';
import { readFirstVia, readVias, type Via } from './via.ts';

export interface CSeq {
  readonly sequence: number;
  readonly method: string;
}

export const NO_BODY = new Uint8Array(0);
const UINT32 = 2 ** 32 - 1;

const VIA = headerName('Via');
const FROM = headerName('From');
const TO = headerName('To');
const CALL_ID = headerName('Call-ID');
const CSEQ = headerName('CSeq');
const CONTACT = headerName('Contact');
const CONTENT_TYPE = headerName('Content-Type');
const CONTENT_LENGTH = headerName('Content-Length');
const ROUTE = headerName('Route');
const RECORD_ROUTE = headerName('Record-Route');

/**
 * The views (`via`, `from`, `cseq`...) throw `SipSyntaxError` naming the header field when it is malformed; the mandatory
 * ones (`via`, `from`, `to`, `callId`, `cseq`) also when it is missing. Their results are shared: not to be changed.
 */
export abstract class SipMessageBase extends HeaderFields {
  body: Uint8Array;
  private knownVia: Via | undefined = undefined;
  private knownFrom: NameAddr | undefined = undefined;
  private knownTo: NameAddr | undefined = undefined;
  private knownCseq: CSeq | undefined = undefined;
  private knownContacts: readonly NameAddr[] | undefined = undefined;

  constructor(fields: Field[], body: Uint8Array = NO_BODY) {
    super(fields);
    this.body = body;
  }

  protected override changed(): void {
    this.knownVia = this.knownFrom = this.knownTo = this.knownCseq = this.knownContacts = undefined;
  }

  /** The topmost Via value. */
  get via(): Via {
    this.knownVia ??= readFirstVia(this.need(VIA).scan('Via'));
    return this.knownVia;
  }

  /**
   * Puts `received` behind the parameters of the topmost Via, and the port into an `rport` without value (RFC 3581 §4), in
   * its text: nothing is read again. Says no, and does nothing, where it has no parameters or says `received` already.
   */
  stampVia(received: string, rport: number): boolean {
    const { version, transport, host, port, params } = this.via;
    if (!(params instanceof ParamList) || params.end < 0 || params.has('received')) return false;
    const asked = params.get('rport');
    if (typeof asked === 'string') return false;
    const value = asked === null ? String(rport) : undefined;
    const middle = value === undefined ? params.end : params.endOf('rport');
    const first = value === undefined ? '' : `=${value}`;
    const at = this.fields.indexOf(this.need(VIA));
    const field = this.fields[at].insert(params.text, middle, first, params.end, formatParam('received', received));
    if (field === undefined) return false;
    this.fields[at] = field;
    this.knownVia = { version, transport, host, port, params: new StampedParams(params, received, value) };
    return true;
  }

  get vias(): Via[] {
    return this.readAll(VIA, readVias);
  }

  get from(): NameAddr {
    this.knownFrom ??= readNameAddr(this.need(FROM).scan('From'));
    return this.knownFrom;
  }

  get to(): NameAddr {
    this.knownTo ??= readNameAddr(this.need(TO).scan('To'));
    return this.knownTo;
  }

  get fromTag(): string | undefined {
    return this.from.params.get('tag') ?? undefined;
  }

  get toTag(): string | undefined {
    return this.to.params.get('tag') ?? undefined;
  }

  get callId(): string {
    return this.need(CALL_ID).value;
  }

  get cseq(): CSeq {
    this.knownCseq ??= readCSeq(this.need(CSEQ).scan('CSeq'));
    return this.knownCseq;
  }

  /** Every Contact. `Contact: *` (RFC 3261 §10.2.2) is none of them: see `contactIsStar`. */
  get contacts(): readonly NameAddr[] {
    this.knownContacts ??= this.contactIsStar ? [] : this.readAll(CONTACT, readNameAddrs);
    return this.knownContacts;
  }

  get contactIsStar(): boolean {
    return this.find(CONTACT)?.value === '*';
  }

  get routes(): NameAddr[] {
    return this.readAll(ROUTE, readNameAddrs);
  }

  get recordRoutes(): NameAddr[] {
    return this.readAll(RECORD_ROUTE, readNameAddrs);
  }

  /** RFC 4475 §3.1.2.4: a value that cannot be is as good as none. */
  get maxForwards(): number | undefined {
    return this.scalar('Max-Forwards', 255);
  }

  get contentLength(): number | undefined {
    const field = this.find(CONTENT_LENGTH);
    return field && readContentLength(field);
  }

  /** Seconds. RFC 4475 §3.1.2.4: a value that cannot be is as good as none. */
  get expires(): number | undefined {
    return this.scalar('Expires', UINT32);
  }

  /** `type/subtype`, lower-case, without parameters. */
  get contentType(): string | undefined {
    const text = this.find(CONTENT_TYPE)?.value;
    if (text === undefined) return undefined;
    const semicolon = text.indexOf(';');
    return (semicolon < 0 ? text : text.slice(0, semicolon)).replace(/[ \t]+/g, '').toLowerCase();
  }

  private scalar(name: string, max: number): number | undefined {
    const text = this.header(name);
    return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) <= max ? Number(text) : undefined;
  }

  private need(name: HeaderName): Field {
    const field = this.find(name);
    if (field === undefined || field.empty) {
      throw new SipSyntaxError(`Cannot use the message: header field ${name.written} is missing or empty`);
    }
    return field;
  }
}

function readCSeq(scanner: Scanner): CSeq {
  scanner.next();
  // RFC 3261 §8.1.1.5: below 2^31. Up to 2^32 - 1 is read, as RFC 4475 §3.1.2.4 draws the line there.
  const sequence = scanner.integer('the sequence number', UINT32);
  const end = scanner.at;
  scanner.next();
  if (scanner.at === end) scanner.fail('no blank between number and method');
  const method = scanner.token('the method');
  scanner.finish();
  return { sequence, method };
}

export function readContentLength(field: Field): number {
  const scanner = field.scan('Content-Length');
  const value = scanner.integer('the value', UINT32);
  scanner.finish();
  return value;
}
