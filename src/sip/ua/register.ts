/** REGISTER requests of one registration, RFC 3261 §10.2: one Call-ID, numbers that rise. */
import { createRequest, type SipRequest } from '../message/index.ts';
import type { Account } from './account.ts';
import type { Core } from './core.ts';
import { ALLOW, EXTENSIONS, fromOf, type HeaderField } from './headers.ts';

/** What a REGISTER asks for. */
export interface Wish {
  contact: string;
  /** 0 takes the binding away. */
  expiresMs: number;
  /** The address of another binding of ours, which goes. */
  obsolete?: string;
}

export class Registers {
  readonly #core: Core;
  readonly #account: Account;
  readonly #callId: string;
  readonly #tag: string;
  #sequence = 0;

  constructor(core: Core, account: Account) {
    this.#core = core;
    this.#account = account;
    this.#callId = core.random.token();
    this.#tag = core.random.token();
  }

  /** Without a wish it only asks which bindings there are (§10.2.3). */
  make(wish?: Wish): SipRequest {
    const { config, domain } = this.#account;
    return createRequest({
      method: 'REGISTER',
      uri: domain,
      headers: [
        ['Max-Forwards', '70'],
        ['From', fromOf(this.#core.config.displayName, config.address, this.#tag)],
        ['To', `<${config.address}>`],
        ['Call-ID', this.#callId],
        ['CSeq', `${++this.#sequence} REGISTER`],
        ...(wish === undefined ? [] : headersOf(wish)),
        ['User-Agent', this.#core.config.product],
      ],
    });
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
