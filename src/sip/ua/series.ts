/** Requests that begin something, RFC 3261 §8.1.1: a series has one Call-ID and one From tag, and numbers that rise. */
import { createRequest, type SipRequest } from '../message/index.ts';
import type { Core } from './core.ts';
import { fromOf, type HeaderField } from './headers.ts';
import type { Body } from './types.ts';

export interface Beginning {
  method: string;
  uri: string;
  /** URIs: who asks, and whom. */
  from: string;
  to: string;
  /** RFC 3608: what is to be passed on the way. */
  routes?: readonly string[];
  headers: readonly HeaderField[];
  body?: Body;
}

export class Series {
  readonly callId: string;
  readonly tag: string;
  readonly #core: Core;
  #sequence = 0;

  constructor(core: Core) {
    this.#core = core;
    this.callId = core.random.token();
    this.tag = core.random.token();
  }

  next({ method, uri, from, to, routes = [], headers, body }: Beginning): SipRequest {
    const { displayName, product } = this.#core.config;
    return createRequest({
      method,
      uri,
      headers: [
        ...routes.map((route): HeaderField => ['Route', route]),
        ['Max-Forwards', '70'],
        ['From', fromOf(displayName, from, this.tag)],
        ['To', `<${to}>`],
        ['Call-ID', this.callId],
        ['CSeq', `${++this.#sequence} ${method}`],
        ...headers,
        ['User-Agent', product],
        ...(body === undefined ? [] : [['Content-Type', body.contentType] as const]),
      ],
      ...(body !== undefined && { body: body.bytes }),
    });
  }
}
