/** REGISTER requests of one registration, RFC 3261 §10.2: one Call-ID, numbers that rise. */
import type { SipRequest } from '../message/index.ts';
import type { Account } from './account.ts';
import type { Core } from './core.ts';
import { ALLOW, EXTENSIONS, type HeaderField } from './headers.ts';
import { Series } from './series.ts';

/** What a REGISTER asks for. */
export interface Wish {
  contact: string;
  /** 0 takes the binding away. */
  expiresMs: number;
  /** The address of another binding of ours, which goes. */
  obsolete?: string;
}

export class Registers {
  readonly #account: Account;
  readonly #series: Series;

  constructor(core: Core, account: Account) {
    this.#account = account;
    this.#series = new Series(core);
  }

  /** Without a wish it only asks which bindings there are (§10.2.3). */
  make(wish?: Wish): SipRequest {
    const { domain, config } = this.#account;
    const headers = wish === undefined ? [] : headersOf(wish);
    return this.#series.next({ method: 'REGISTER', uri: domain, from: config.address, to: config.address, headers });
  }
}

function headersOf({ contact, expiresMs, obsolete }: Wish): HeaderField[] {
  const outbound = contact.includes(';reg-id=') ? ['outbound'] : [];
  return [
    ['Contact', contact],
    ...(obsolete === undefined ? [] : [['Contact', `${obsolete};expires=0`] as const]),
    ['Expires', String(Math.round(expiresMs / 1_000))],
    ALLOW,
    ['Supported', [...EXTENSIONS, 'path', ...outbound].join(', ')],
  ];
}
