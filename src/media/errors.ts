import { CodedError } from '../base/index.ts';

/** `code`: `no-port`, or what the system said of an address: `eaddrnotavail`. */
export class MediaError extends CodedError {}
