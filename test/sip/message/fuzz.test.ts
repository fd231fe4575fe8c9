/** A seeded, grammar-aware fuzzer: whatever comes, only `SipSyntaxError`, no stall, and what is sound survives format and parse. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  bodyPart,
  equalUris,
  findPart,
  formatMessage,
  parseAuth,
  parseMessage,
  type SipMessage,
  SipSyntaxError,
  validate,
} from '../../../src/sip/message/index.ts';

const messages = Number(process.env.HAILPOINT_FUZZ_MESSAGES ?? 100_000);
const seed = Number(process.env.HAILPOINT_FUZZ_SEED ?? 20_260_101);
const STALL_MS = 50;
const WARM_UP_MESSAGES = Math.min(20_000, messages >> 1);
const HEAP_GROWTH_MAX_MB = 4;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Octets in use once the garbage is gone. */
function heapOctets(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** xorshift32: the same messages for the same seed. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)];
  }
}

/** Productions of RFC 3261 §25; each is right by itself and wrong often enough by what is put around it. */
class Grammar {
  readonly #dice: Dice;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** One of the sound ones; rarely one of the others. */
  mostly = (sound: readonly string[], others: readonly string[]): string =>
    this.#dice.of(this.#dice.chance(40) ? others : sound);

  lws = (): string => this.#dice.of(['', '', '', ' ', '  ', '\t', '\r\n ', ' \r\n\t']);
  token = (): string =>
    this.mostly(['gate', 'x', "a!%*_+`'~.-", '1', 'z9hG4bK', 'z9hG4bKabc', 'tag', 'lr'], ['', 'a b', '\0']);
  user = (): string => this.mostly(['gate', 'a;b,c?d/e', '%41%00', '*1#', '1'], ['', '%4', 'a b', 'a>']);
  number = (): string =>
    this.mostly(['0', '1', '70', '255', '5060'], ['256', '65536', '4294967295', '4294967296', '-1', 'x']);
  quoted = (): string =>
    this.mostly(['"a"', '"a \\" b"', '""', '"a, <b>;c"', '"\\\\"', '"\u00fc\u4e2d"'], ['"a', '"\\', '""a']);
  host = (): string => this.mostly(['a', 'example.com', '127.0.0.1', '[::1]', '300.1.1', 'a_b'], ['[::1', '-', '']);

  hostPort = (): string => (this.#dice.chance(3) ? `${this.host()}${this.lws()}:${this.number()}` : this.host());

  param = (): string =>
    this.#dice.of([
      () => `;${this.lws()}${this.token()}`,
      () => `${this.lws()};${this.token()}=${this.token()}`,
      () => `;${this.token()}${this.lws()}=${this.lws()}${this.quoted()}`,
      () => `;tag=${this.token()}`,
      () => `;x=${this.mostly(['1', '[::1]', 'a@b'], ['', ';', ' '])}`,
    ])();

  params = (): string => (this.#dice.chance(2) ? '' : this.param() + this.params());

  uri = (): string =>
    this.#dice.of([
      () => `sip:${this.user()}@${this.hostPort()}`,
      () => `sips:${this.hostPort()};${this.token()}=${this.token()}`,
      () => `sip:${this.user()}:%00@${this.host()}?${this.token()}=${this.token()}&a=b`,
      () => `tel:${this.number()};${this.token()}`,
      () => `${this.of('urn', 'x-y', 'isbn')}:${this.number()}`,
    ])();

  address = (): string =>
    this.#dice.of([
      () => `${this.quoted()}${this.lws()}<${this.uri()}>${this.params()}`,
      () => `${this.token()} ${this.token()}${this.lws()}<${this.uri()}>${this.params()}`,
      () => `<${this.lws()}${this.uri()}>${this.params()}`,
      () => `${this.uri()}${this.params()}`,
      () => this.mostly(['<sip:a>'], ['*', '', '<sip:a']),
    ])();

  via = (): string =>
    `SIP${this.lws()}/${this.lws()}2.0/${this.lws()}${this.of('UDP', 'TCP', 'X')} ${this.lws()}${this.hostPort()};branch=${this.token()}${this.params()}`;

  of = (...values: string[]): string => this.#dice.of(values);

  line = (): string => {
    const colon = `${this.#dice.chance(4) ? this.lws() : ''}:${this.lws()}`;
    return this.#dice.of([
      () => `${this.of('Via', 'v', 'VIA')}${colon}${this.via()}${this.#dice.chance(4) ? `,${this.via()}` : ''}`,
      () => `${this.of('From', 'f', 'To', 't')}${colon}${this.address()}`,
      () =>
        `${this.of('Contact', 'm', 'Route', 'Record-Route')}${colon}${this.address()},${this.lws()}${this.address()}`,
      () => `${this.of('Call-ID', 'i')}${colon}${this.token()}@${this.host()}`,
      () => `CSeq${colon}${this.number()}${this.lws()} ${this.method()}`,
      () => `${this.of('Content-Length', 'l')}${colon}${this.number()}`,
      () => `${this.of('Max-Forwards', 'Expires')}${colon}${this.number()}`,
      () => `WWW-Authenticate${colon}Digest realm=${this.quoted()},nonce=${this.token()},${this.token()}`,
      () => `${this.token()}${colon}${this.quoted()}${this.token()}`,
    ])();
  };

  method = (): string => this.of('INVITE', 'OPTIONS', 'ACK', 'BYE', 'x', 'OPTIONS');

  message = (): string => {
    const method = this.method();
    const start = this.#dice.chance(4)
      ? `SIP/2.0 ${this.mostly(['200', '100', '699'], ['700', '2x0', ''])} ${this.of('OK', '', '\u00fc')}`
      : `${method} ${this.uri()} ${this.mostly(['SIP/2.0', 'sip/2.0'], ['SIP/3.0', 'HTTP/1.1', ''])}`;
    // Half of them have all that is needed, so that the deeper parts are reached.
    const lines = this.#dice.chance(2)
      ? []
      : [`Via: ${this.via()}`, `From: ${this.address()}`, `To: ${this.address()}`, 'Call-ID: x', `CSeq: 1 ${method}`];
    for (let i = this.#dice.below(5); i > 0; i--) lines.splice(this.#dice.below(lines.length + 1), 0, this.line());
    if (this.#dice.chance(4)) lines.push(`Content-Type: ${this.multipart()}`);
    return `${[start, ...lines].join('\r\n')}\r\n\r\n${this.of('', '', 'body', '\r\n\r\n', this.parts(3))}`;
  };

  multipart = (): string =>
    `multipart/${this.of('mixed', 'alternative', 'related', 'signed')};boundary=${this.of('a', 'a', '"b c"', 'b')}`;

  /** Parts in parts, with the wrong boundary often enough. */
  parts = (depth: number): string => {
    const boundary = this.of('a', 'a', 'b c', 'b');
    let text = '';
    for (let i = this.#dice.below(4); i > 0; i--) {
      const type =
        depth > 0 && this.#dice.chance(3) ? this.multipart() : this.of('application/sdp', 'text/plain', 'x', '/', '');
      const more = this.of('', '', 'Content-Disposition: x;handling=optional\r\n', `${this.line()}\r\n`);
      const body = type.startsWith('multipart/') ? this.parts(depth - 1) : this.of('v=0', '', '--a', '\r\n--a');
      text += `--${boundary}\r\nContent-Type: ${type}\r\n${more}\r\n${body}\r\n`;
    }
    return `${text}--${boundary}--`;
  };
}

/** Now and then octets are changed, doubled, lost or cut off. */
function damage(bytes: Buffer, dice: Dice): Buffer {
  if (!dice.chance(3)) return bytes;
  for (let i = dice.below(3); i > 0 && bytes.length > 0; i--) {
    const at = dice.below(bytes.length);
    switch (dice.below(4)) {
      case 0:
        bytes[at] = dice.of([0, 9, 10, 13, 32, 34, 44, 58, 59, 60, 61, 62, 64, 92, 127, 200, 255]);
        break;
      case 1:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - 8))]);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
        break;
      default:
        bytes = bytes.subarray(0, at);
    }
  }
  return bytes;
}

const VIEWS = ['via', 'vias', 'from', 'to', 'fromTag', 'toTag', 'callId', 'cseq', 'contacts', 'routes'] as const;
const MORE_VIEWS = ['recordRoutes', 'maxForwards', 'contentLength', 'expires', 'contentType', 'contactIsStar'] as const;

/** Reads everything there is to read; each view may refuse, none may fail in another way. */
function readAll(message: SipMessage): void {
  for (const view of [...VIEWS, ...MORE_VIEWS]) attempt(() => message[view]);
  for (const name of ['Via', 'Contact', 'Route']) message.list(name);
  for (const text of message.headers('WWW-Authenticate')) attempt(() => parseAuth(text));
  if (message.contentType?.startsWith('multipart/')) attempt(() => findPart(bodyPart(message), 'application/sdp'));
  if (message.kind === 'request') attempt(() => equalUris(message.parsedUri(), message.contacts[0].uri));
}

function attempt(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    // Of an absent Contact: not the parser's business.
    if (error instanceof SipSyntaxError || error instanceof TypeError) {
      if (error instanceof SipSyntaxError || /undefined \(reading 'uri'\)/.test(error.message)) return false;
    }
    throw error;
  }
}

test(`${messages} messages from seed ${seed}: only SipSyntaxError, no stall, sound ones come back the same, the heap stays`, (t) => {
  const dice = new Dice(seed);
  const grammar = new Grammar(dice);
  const count = { sound: 0, refused: 0, unreadable: 0 };
  let slowestMs = 0;
  let heapBefore = 0;
  for (let i = 0; i < messages; i++) {
    // By then all that is made once has been made.
    if (i === WARM_UP_MESSAGES) heapBefore = heapOctets();
    const bytes = damage(Buffer.from(grammar.message(), dice.chance(8) ? 'latin1' : 'utf8'), dice);
    const begin = performance.now();
    let message: SipMessage | undefined;
    try {
      if (!attempt(() => (message = parseMessage(bytes)))) count.unreadable++;
      else {
        readAll(message!);
        if (attempt(() => validate(message!))) count.sound++;
        else count.refused++;
        const again = parseMessage(formatMessage(message!));
        assert.equal(again.startLine, message!.startLine);
        const others = (one: SipMessage) => one.lines().filter(([name]) => name !== 'Content-Length');
        assert.deepEqual(others(again), others(message!));
      }
    } catch (error) {
      throw new Error(`message ${i}: ${JSON.stringify(bytes.toString('latin1'))}`, { cause: error });
    }
    // The collector's pauses are not the parser's: a stall shows again.
    const tookMs = performance.now() - begin;
    if (tookMs > slowestMs) {
      const again = performance.now();
      attempt(() => validate(parseMessage(bytes)));
      slowestMs = Math.max(slowestMs, Math.min(tookMs, performance.now() - again));
    }
  }
  const grownMb = (heapOctets() - heapBefore) / 2 ** 20;
  t.diagnostic(`slowest message ${slowestMs.toFixed(2)} ms, heap grown by ${grownMb.toFixed(2)} MB`);
  assert.ok(slowestMs < STALL_MS, `slowest: ${slowestMs} ms`);
  assert.ok(grownMb < HEAP_GROWTH_MAX_MB, `the heap has grown by ${grownMb} MB`);
  for (const [kind, number] of Object.entries(count)) assert.ok(number > messages / 100, `${kind}: ${number}`);
});

for (const [sentence, bytes] of [
  ['a head of nothing but blanks', `OPTIONS sip:a SIP/2.0\r\nTo: ${' '.repeat(60_000)}x\r\n\r\n`],
  ['one very deep fold', `OPTIONS sip:a SIP/2.0\r\nTo:${'\r\n '.repeat(20_000)}x\r\n\r\n`],
  ['a quoted string of backslashes', `OPTIONS sip:a SIP/2.0\r\nTo: "${'\\'.repeat(60_000)}\r\n\r\n`],
  ['parameters without end', `OPTIONS sip:a SIP/2.0\r\nTo: <sip:a>${';a=b'.repeat(15_000)}\r\n\r\n`],
  ['commas without end', `OPTIONS sip:a SIP/2.0\r\nVia: ${','.repeat(60_000)}\r\n\r\n`],
  ['Vias without end', `OPTIONS sip:a SIP/2.0\r\nVia: ${'SIP/2.0/UDP a,'.repeat(4_000)}SIP/2.0/UDP a\r\n\r\n`],
  ['a user part of escapes', `OPTIONS sip:${'%41'.repeat(20_000)}@a SIP/2.0\r\nTo: x\r\n\r\n`],
  ['a host of dashes', `OPTIONS sip:${'-'.repeat(60_000)} SIP/2.0\r\nTo: x\r\n\r\n`],
  ['a host of dots', `OPTIONS sip:a${'.'.repeat(60_000)}! SIP/2.0\r\nTo: x\r\n\r\n`],
  ['colons in brackets', `OPTIONS sip:[${':'.repeat(60_000)}! SIP/2.0\r\nTo: x\r\n\r\n`],
  ['colons in an address', `OPTIONS sip:[${':'.repeat(60_000)}!] SIP/2.0\r\nTo: x\r\n\r\n`],
  ['words of a display name', `OPTIONS sip:a SIP/2.0\r\nTo: ${'a '.repeat(30_000)}<sip:a>\r\n\r\n`],
] as const) {
  test(`no stall: ${sentence}`, () => {
    const run = (): number => {
      const begin = performance.now();
      attempt(() => {
        const message = parseMessage(Buffer.from(bytes));
        readAll(message);
        validate(message);
      });
      return performance.now() - begin;
    };
    const bestMs = Math.min(run(), run(), run());
    assert.ok(bestMs < STALL_MS, `${bestMs} ms`);
  });
}
