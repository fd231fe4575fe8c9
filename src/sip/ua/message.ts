/** MESSAGE, RFC 3428: held until its owner has decided what becomes of it. */
import { type BodyPart, bodyPart, findPart, type Hop, readOr, type SipRequest } from '../message/index.ts';
import type { Senders } from './beside.ts';
import type { Core } from './core.ts';
import type { HeaderField } from './headers.ts';

/** §8 says 1300 octets; some senders write more. */
const MESSAGE_BYTES_MAX = 8_192;
/** Waiting for a decision at once. The owner decides as soon as it hears of one; this is for an owner that does not. */
const MESSAGES_MAX = 64;
const TEXT_TYPE = 'text/plain';
const ACCEPTED = `${TEXT_TYPE}, multipart/mixed, multipart/alternative`;

interface Waiting {
  request: SipRequest;
  transaction: string;
}

export class Messages {
  readonly #core: Core;
  readonly #waiting = new Map<string, Waiting>();
  #count = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  received(request: SipRequest, hop: Hop, transaction: string, { accountOf, userOf }: Senders, now: number): void {
    const refuse = (status: number, headers: HeaderField[] = []): void =>
      this.#core.answer(transaction, request, status, now, undefined, headers);
    const encoding = (request.header('Content-Encoding') ?? 'identity').toLowerCase();
    if (encoding !== 'identity') return refuse(415, [['Accept-Encoding', 'identity']]);
    const part = textOf(request);
    if (part === undefined || !readableCharset(part)) return refuse(415, [['Accept', ACCEPTED]]);
    if (request.body.length > MESSAGE_BYTES_MAX) return refuse(413);
    if (this.#waiting.size >= MESSAGES_MAX) return refuse(480);
    const message = `m${++this.#count}`;
    this.#waiting.set(message, { request, transaction });
    const text = new TextDecoder().decode(part.bytes);
    const account = accountOf(request, hop)?.name;
    this.#core.push({ kind: 'message', message, request, hop, account, user: userOf(request), text });
  }

  /** §7: 200, or a refusal. */
  answer(message: string, status: number, now: number): void {
    const waiting = this.#waiting.get(message);
    if (waiting === undefined) return;
    this.#waiting.delete(message);
    this.#core.answer(waiting.transaction, waiting.request, status, now);
  }

  /** Nobody decides any more. */
  stop(now: number): void {
    for (const message of [...this.#waiting.keys()]) this.answer(message, 480, now);
  }

  /** Its transaction is over: there is nobody left to answer. */
  forget(transaction: string): void {
    for (const [message, waiting] of this.#waiting) {
      if (waiting.transaction === transaction) this.#waiting.delete(message);
    }
  }
}

/** The text, alone or as one of several parts (RFC 5621). A multipart that cannot be cut has none. */
function textOf(request: SipRequest): BodyPart | undefined {
  return readOr(undefined, () => {
    const { found, unknown } = findPart(bodyPart(request), TEXT_TYPE);
    return unknown === undefined ? found : undefined;
  });
}

function readableCharset({ params }: BodyPart): boolean {
  const charset = params.get('charset') ?? 'utf-8';
  return ['utf-8', 'utf8', 'us-ascii'].includes(charset.toLowerCase());
}
