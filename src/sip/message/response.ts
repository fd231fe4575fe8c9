/** A response, RFC 3261 §7.2, and how one is made from its request, §8.2.6. */
import { detach, type Field, makeField } from './fields.ts';
import { SipMessageBase } from './message.ts';
import { reasonPhrase } from './reasons.ts';
import type { SipRequest } from './request.ts';

export class SipResponse extends SipMessageBase {
  readonly kind = 'response';
  readonly status: number;
  readonly reason: string;
  /** False: written without Content-Length. A datagram ends where it ends (RFC 3261 §18.3). */
  measured = true;

  constructor(status: number, reason: string, fields: Field[], body?: Uint8Array) {
    super(fields, body);
    this.status = status;
    this.reason = reason;
  }

  clone(): SipResponse {
    return new SipResponse(this.status, this.reason, this.fields.slice(), this.body);
  }

  get startLine(): string {
    return `SIP/2.0 ${this.status} ${this.reason}`;
  }
}

export interface ResponseOptions {
  headers?: readonly (readonly [name: string, value: string])[];
  body?: Uint8Array;
  /** Put on To when the request had no tag there (RFC 3261 §8.2.6.2); never on a 100. */
  toTag?: string;
}

/** The answer to `request`: Via, From, To, Call-ID, CSeq as they came, Record-Route for 101..299 (§12.1.1), Timestamp for 100. */
export function createResponse(
  request: SipRequest,
  status: number,
  reason: string = reasonPhrase(status),
  options: ResponseOptions | readonly (readonly [name: string, value: string])[] = {},
): SipResponse {
  const { headers, body, toTag }: ResponseOptions = 'length' in options ? { headers: options } : options;
  const copied = ['via', 'from', 'to', 'call-id', 'cseq'];
  if (status > 100 && status < 300) copied.push('record-route');
  if (status === 100) copied.push('timestamp');
  const fields: Field[] = [];
  for (const key of copied) {
    for (const value of request.headers(key)) {
      fields.push(
        makeField(key, detach(key === 'to' && toTag !== undefined && status > 100 ? tagged(value, toTag) : value)),
      );
      // RFC 4475 §3.3.8: a request with two of them is refused; the answer carries the first.
      if (key !== 'via' && key !== 'record-route') break;
    }
  }
  for (const [name, value] of headers ?? []) fields.push(makeField(name, value));
  return new SipResponse(status, reason, fields, body);
}

/** `To` with `;tag=`, unless it has one. Reads no more than it must: the value may be the malformed one. */
function tagged(to: string, tag: string): string {
  const end = Math.max(to.lastIndexOf('>'), to.lastIndexOf('"'));
  return /;\s*tag\s*=/i.test(to.slice(end + 1)) ? to : `${to};tag=${tag}`;
}
