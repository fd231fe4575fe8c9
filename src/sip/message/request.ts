/** A request, RFC 3261 §7.1. */
import { type Field, makeField } from './fields.ts';
import { SipMessageBase } from './message.ts';
import type { Scanner } from './scanner.ts';
import { parseUri, readUri, type SipUri } from './uri.ts';

export class SipRequest extends SipMessageBase {
  readonly kind = 'request';
  readonly method: string;
  /** How long it was on the wire; 0: it did not come from there. */
  octets = 0;
  private written: string;
  private place: Scanner | undefined;
  private parsed: SipUri | undefined;

  /** `place`: where `uri` stands in its datagram, for its reader. */
  constructor(method: string, uri: string, fields: Field[], body?: Uint8Array, place?: Scanner) {
    super(fields, body);
    this.method = method;
    this.written = uri;
    this.place = place;
    this.parsed = undefined;
  }

  /** The Request-URI as written. */
  get uri(): string {
    return this.written;
  }

  set uri(text: string) {
    this.written = text;
    this.place = undefined;
    this.parsed = undefined;
  }

  parsedUri(): SipUri {
    const { place } = this;
    if (place === undefined) this.parsed ??= parseUri(this.written);
    else this.parsed ??= readUri(place.text, place.codes, place.from, place.end);
    return this.parsed;
  }

  /** A copy whose header fields may be changed without touching this one. */
  clone(): SipRequest {
    return new SipRequest(this.method, this.written, this.fields.slice(), this.body);
  }

  get startLine(): string {
    return `${this.method} ${this.written} SIP/2.0`;
  }
}

export interface RequestParts {
  method: string;
  uri: string;
  headers: readonly (readonly [name: string, value: string])[];
  body?: Uint8Array;
}

/** A request of our own. Content-Length is written by `formatMessage`. */
export function createRequest(parts: RequestParts): SipRequest {
  const fields = parts.headers.map(([name, value]) => makeField(name, value));
  return new SipRequest(parts.method, parts.uri, fields, parts.body);
}
