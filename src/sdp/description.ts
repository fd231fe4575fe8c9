/** A session description as plain objects, RFC 8866. What nobody here reads is kept and written again. */
import { CodedError } from '../base/index.ts';

export interface Sdp {
  origin: Origin;
  sessionName: string;
  /** Valid for each medium without its own. */
  connection?: Connection;
  /** Other session lines but `a=`, in order: `t=`, `b=`, `i=`... */
  lines: Line[];
  attributes: Attribute[];
  media: MediaDescription[];
}

/** `o=`, RFC 8866 §5.2. Numbers are text: some are longer than a double can count. */
export interface Origin {
  username: string;
  sessionId: string;
  version: string;
  family: AddressFamily;
  host: string;
}

export type AddressFamily = 'IP4' | 'IP6';

/** `c=`; a multicast TTL or count behind the address is left out. */
export interface Connection {
  family: AddressFamily;
  host: string;
}

export interface Line {
  type: string;
  value: string;
}

/** `a=name` or `a=name:value`. */
export interface Attribute {
  name: string;
  value?: string;
}

/** `m=` and the lines up to the next one. */
export interface MediaDescription {
  kind: string;
  /** 0: refused, or ended (RFC 3264 §6). */
  port: number;
  protocol: string;
  formats: string[];
  connection?: Connection;
  lines: Line[];
  attributes: Attribute[];
}

/** Text that is no session description. `line` counts from 1. */
export class SdpSyntaxError extends CodedError {
  readonly line: number;

  constructor(message: string, line: number) {
    super('sdp-syntax', message);
    this.line = line;
  }
}

/** The value of the first attribute of that name; '' when it has none, undefined when there is no such attribute. */
export function attribute(of: { attributes: readonly Attribute[] }, name: string): string | undefined {
  const found = of.attributes.find((candidate) => candidate.name === name);
  return found === undefined ? undefined : (found.value ?? '');
}

export const familyOf = (host: string): AddressFamily => (host.includes(':') ? 'IP6' : 'IP4');
