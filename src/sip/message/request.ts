/** A request, RFC 3261 §7.1. */
import { type Field, makeField } from './fields.ts';
import { SipMessageBase } from './message.ts';
import { parseUri, type SipUri } from './uri.ts';

export class SipRequest extends SipMessageBase {
  readonly kind = 'request';
  readonly method: string;
  /** How long it was on the wire; 0: it did not come from there. */
  octets = 0;
  #uri: string;
  #parsedUri?: SipUri;

  constructor(method: string, uri: string, fields: Field[], body?: Uint8Array) {
    super(fields, body);
    this.method = method;
    this.#uri = uri;
  }

  /** The Request-URI as written. */
  get uri(): string {
    return this.#uri;
  }

  set uri(text: string) {
    this.#uri = text;
    this.#parsedUri = undefined;
  }

  parsedUri(): SipUri {
    this.#parsedUri ??= parseUri(this.#uri);
    return this.#parsedUri;
  }

  /** A copy whose header fields may be changed without touching this one. */
  clone(): SipRequest {
    return new SipRequest(this.method, this.#uri, this.fields.slice(), this.body);
  }

  get startLine(): string {
    return `${this.method} ${this.#uri} SIP/2.0`;
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
