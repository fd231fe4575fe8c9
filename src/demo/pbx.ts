/** The demo's telephone system: a registrar that wants a password (RFC 3261 §10.3, MD5 digest), and the desks behind it. */
import { earliest, type Random, silentLogger } from '../base/index.ts';
import type { CallOutput } from '../call/index.ts';
import { createResponse, type Hop, parseAuth, type SipMessage, type SipRequest } from '../sip/message/index.ts';
import { Resolver, SipTransport } from '../sip/transport/index.ts';
import { digestResponse } from '../sip/ua/index.ts';
import { Desk, type DeskOptions } from './desk.ts';

const realm = 'demo';

export interface PbxOptions {
  port: number;
  user: string;
  password: string;
  random: Random;
  desks: readonly Omit<DeskOptions, 'random'>[];
}

export class Pbx {
  readonly #options: PbxOptions;
  readonly #transport: SipTransport;
  readonly #resolver: Resolver;
  readonly #desks = new Map<string, Desk>();
  /** Call-ID to the desk that has the call. */
  readonly #calls = new Map<string, Desk>();
  readonly #nonce: string;
  #contact?: string;
  #alarm?: NodeJS.Timeout;
  #onRegistered: (contact: string) => void = () => {};

  constructor(options: PbxOptions) {
    this.#options = options;
    this.#nonce = options.random.token();
    this.#transport = new SipTransport({
      listen: { udp: [{ host: '127.0.0.1', port: options.port }], tcp: [] },
      logger: silentLogger,
      onMessage: (message, hop) => this.#receive(message, hop),
      onFailure: () => {},
    });
    this.#resolver = new Resolver({
      localFor: (host, transport) => this.#transport.localFor(host, transport),
      random: options.random,
    });
    for (const desk of options.desks) {
      const made: Desk = new Desk({ ...desk, random: options.random }, (step) => this.#perform(made, step()));
      this.#desks.set(desk.extension, made);
    }
  }

  start(): Promise<void> {
    return this.#transport.start();
  }

  onRegistered(listener: (contact: string) => void): void {
    this.#onRegistered = listener;
  }

  desk(extension: string): Desk {
    return this.#desks.get(extension)!;
  }

  /** Where the terminal is, by its registration. */
  get contact(): string | undefined {
    return this.#contact;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#alarm);
    await Promise.all([...this.#desks.values()].map((desk) => desk.stop()));
    await this.#transport.stop();
  }

  #receive(message: SipMessage, hop: Hop): void {
    if (message.kind === 'request' && message.method === 'REGISTER') return this.#register(message, hop);
    const desk = this.#deskOf(message);
    if (desk) return this.#perform(desk, desk.calls.receive(message, hop, performance.now()));
    if (message.kind === 'request' && message.method !== 'ACK') {
      const status = message.method === 'OPTIONS' ? 200 : 404;
      this.#transport.send(createResponse(message, status), hop);
    }
  }

  #deskOf(message: SipMessage): Desk | undefined {
    const known = this.#calls.get(message.callId);
    if (known || message.kind === 'response') return known;
    const desk = this.#desks.get(message.parsedUri().user ?? '');
    if (desk) this.#calls.set(message.callId, desk);
    return desk;
  }

  /** Stateless: a repeated REGISTER gets the same answer again. */
  #register(request: SipRequest, hop: Hop): void {
    if (!this.#knows(request)) {
      const challenge = `Digest realm="${realm}", nonce="${this.#nonce}", algorithm=MD5`;
      return this.#transport.send(createResponse(request, 401, 'Unauthorized', [['WWW-Authenticate', challenge]]), hop);
    }
    const contact = request.header('Contact') ?? '';
    const expires = request.header('Expires') ?? '300';
    const ok = createResponse(request, 200, 'OK', [
      ['Contact', contact],
      ['Expires', expires],
    ]);
    this.#transport.send(ok, hop);
    this.#contact = request.contacts[0] ? /<([^>]+)>/.exec(contact)?.[1] : undefined;
    if (expires !== '0' && this.#contact) this.#onRegistered(this.#contact);
  }

  #knows(request: SipRequest): boolean {
    const given = request.header('Authorization');
    if (given === undefined) return false;
    const { params } = parseAuth(given);
    const { user: username, password } = this.#options;
    // RFC 2617: `qop` may be left out of the challenge; without it the answer is the short one of RFC 2069.
    const question = { realm, nonce: this.#nonce, method: 'REGISTER', uri: params.get('uri') ?? '' };
    return (
      params.get('username') === username &&
      params.get('response') === digestResponse({ ...question, username, password })
    );
  }

  #perform(desk: Desk, outputs: readonly CallOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'terminal') desk.tell(output.input);
      else if (output.kind === 'send') {
        this.#calls.set(output.message.callId, desk);
        this.#transport.send(output.message, output.hop, output.transaction);
      } else if (output.kind === 'resolve') {
        const hops = this.#resolver.resolve(output.uri);
        if (Array.isArray(hops)) this.#perform(desk, desk.calls.resolved(output.query, hops, performance.now()));
      }
    }
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#alarm);
    const at = earliest([...this.#desks.values()].map((desk) => desk.calls.deadline));
    if (at === undefined) return;
    this.#alarm = setTimeout(
      () => {
        for (const desk of this.#desks.values()) this.#perform(desk, desk.calls.timeout(performance.now()));
      },
      Math.max(0, at - performance.now()),
    );
  }
}
