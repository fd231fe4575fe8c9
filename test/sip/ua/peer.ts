/** One user agent in virtual time, and the other side played by hand. */

import {
  createRequest,
  createResponse,
  formatMessage,
  type Hop,
  parseMessage,
  type SipMessage,
  type SipRequest,
  type SipResponse,
  type SipUri,
  type Transport,
} from '../../../src/sip/message/index.ts';
import { type Body, type SessionEvent, type UaConfig, type UaOutput, UserAgent } from '../../../src/sip/ua/index.ts';
import { CountingRandom } from '../../kit/random.ts';

export const US = { host: '127.66.0.1', port: 5060 };
export const SERVER = { host: '127.66.0.10', port: 5060 };

export const hopTo = (host: string, port = 5060): Hop => ({ transport: 'udp', remote: { host, port }, local: US });

export const offer: Body = { contentType: 'application/sdp', bytes: new TextEncoder().encode('v=0 offer') };
export const answer: Body = { contentType: 'application/sdp', bytes: new TextEncoder().encode('v=0 answer') };

export const ACCOUNT = {
  name: 'pbx',
  address: 'sip:1001@127.66.0.10',
  servers: ['sip:127.66.0.10'],
  username: '1001',
  password: 'pw1001',
  expiresMs: 300_000,
};

export const CONFIG: UaConfig = { accounts: [ACCOUNT], product: 'Hailpoint/test', user: 'help-07', displayName: '' };

export class Peer {
  readonly ua: UserAgent;
  now = 0;
  /** What the user agent sent and nobody has looked at. */
  sent: { message: SipMessage; hop: Hop; transaction?: string }[] = [];
  /** Why a registration is as it is. */
  readonly reasons: string[] = [];
  /** Every event so far, as a line. */
  events: string[] = [];
  readonly sessions: { session: string; event: SessionEvent }[] = [];
  /** Names that have no address, and some that have one; everything else is its own. */
  unknown = new Set<string>();
  addresses = new Map<string, string>();
  /** Names with several addresses. */
  several = new Map<string, () => string[]>();
  /** Names whose question nobody answers. */
  mute = new Set<string>();
  /** Nobody listens to TCP and TLS here. */
  deaf = false;
  /** Our own address, as the resolver sees it. */
  local = US;
  #bound = '';
  #sequence = 100;
  #branches = 0;

  constructor(config: UaConfig = CONFIG) {
    this.ua = new UserAgent(config, new CountingRandom());
  }

  do(outputs: UaOutput[]): this {
    for (const output of outputs) {
      switch (output.kind) {
        case 'send':
          // Over the wire, as octets.
          this.sent.push({ ...output, message: parseMessage(formatMessage(output.message)) });
          break;
        case 'resolve':
          if (!this.mute.has(output.uri.host))
            this.do(this.ua.resolved(output.query, this.#find(output.uri), this.now));
          break;
        case 'registration':
          this.reasons.push(output.reason);
          this.events.push(
            `${output.account} ${output.state}${output.status === undefined ? '' : ` ${output.status}`}`,
          );
          break;
        case 'session':
          this.sessions.push(output);
          this.events.push(summary(output.event));
          break;
      }
    }
    return this;
  }

  #find(uri: SipUri): Hop[] {
    if (this.unknown.has(uri.host) || uri.host === '') return [];
    const transport = uri.scheme === 'sips' ? 'tls' : ((uri.params.get('transport') ?? 'udp') as Transport);
    const hosts = this.several.get(uri.host)?.() ?? [this.addresses.get(uri.host) ?? uri.host];
    return hosts.map((host) => {
      const hop = hopTo(host, uri.port ?? (transport === 'tls' ? 5061 : 5060));
      const more = { ...(transport === 'tls' && { domains: [uri.host] }), ...(this.deaf && { deaf: true }) };
      return { ...hop, local: this.local, transport, ...more };
    });
  }

  /** Lets time pass, alarm by alarm. */
  pass(ms: number): this {
    const until = this.now + ms;
    for (;;) {
      const { deadline } = this.ua;
      if (deadline === undefined || deadline > until) break;
      this.now = Math.max(this.now, deadline);
      this.do(this.ua.timeout(this.now));
    }
    this.now = until;
    return this;
  }

  /** Takes what was sent, as `INVITE`, `200 INVITE`... */
  lines(): string[] {
    return this.take().map(line);
  }

  take(): SipMessage[] {
    const taken = this.sent.map(({ message }) => message);
    this.sent = [];
    return taken;
  }

  /** The one request of `method` among what was sent; forgets the rest. */
  request(method: string): SipRequest {
    const found = this.take().filter((m): m is SipRequest => m.kind === 'request' && m.method === method);
    if (found.length !== 1) throw new Error(`${found.length} ${method} were sent`);
    return found[0];
  }

  response(status: number): SipResponse {
    const found = this.take().filter((m): m is SipResponse => m.kind === 'response' && m.status === status);
    if (found.length !== 1) throw new Error(`${found.length} responses ${status} were sent`);
    return found[0];
  }

  receive(message: SipMessage, from: Hop = hopTo(SERVER.host)): this {
    return this.do(this.ua.receive(parseMessage(formatMessage(message)), from, this.now)).pass(0);
  }

  /** Answers a request of the user agent. */
  reply(
    request: SipRequest,
    status: number,
    options: { tag?: string; headers?: [string, string][]; body?: Body; from?: Hop } = {},
  ): this {
    const { tag = 'peer', headers = [], body, from } = options;
    const contact: [string, string][] =
      request.method === 'REGISTER'
        ? [['Contact', `${(this.#bound = request.header('Contact') ?? this.#bound)};expires=300`]]
        : [['Contact', `<sip:desk@${SERVER.host}:5060>`]];
    const content: [string, string][] = body === undefined ? [] : [['Content-Type', body.contentType]];
    const response = createResponse(request, status, undefined, {
      headers: [
        ...(status < 300 && !headers.some(([name]) => name === 'Contact') ? contact : []),
        ...headers,
        ...content,
      ],
      body: body?.bytes,
      toTag: status > 100 ? tag : undefined,
    });
    return this.receive(response, from);
  }

  /** A request of the other side, outside a dialog unless `to` has a tag. */
  ask(
    method: string,
    fields: {
      to?: string;
      from?: string;
      callId?: string;
      sequence?: number;
      branch?: string;
      uri?: string;
      contact?: string;
      headers?: [string, string][];
      body?: Body;
      hop?: Hop;
    } = {},
  ): SipRequest {
    const { to = '<sip:1001@127.66.0.1>', from = '<sip:desk@127.66.0.10>;tag=peer', callId = 'call-1', body } = fields;
    const request = createRequest({
      method,
      uri: fields.uri ?? 'sip:1001@127.66.0.1:5060',
      headers: [
        ['Via', `SIP/2.0/UDP 127.66.0.10:5060;branch=${fields.branch ?? `z9hG4bKp${++this.#branches}`}`],
        ['Max-Forwards', '70'],
        ['From', from],
        ['To', to],
        ['Call-ID', callId],
        ['CSeq', `${fields.sequence ?? ++this.#sequence} ${method}`],
        ['Contact', fields.contact ?? '<sip:desk@127.66.0.10:5060>'],
        ...(fields.headers ?? []),
        ...(body === undefined ? [] : ([['Content-Type', body.contentType]] as [string, string][])),
      ],
      body: body?.bytes,
    });
    this.receive(request, fields.hop);
    return request;
  }

  /** Registers at the first server and forgets how. */
  register(): this {
    this.do(this.ua.start(this.now));
    this.reply(this.request('REGISTER'), 200);
    this.events = [];
    return this;
  }

  get session(): string {
    return this.sessions.at(-1)?.session ?? '';
  }

  event(): SessionEvent {
    return this.sessions.at(-1)!.event;
  }
}

export function line(message: SipMessage): string {
  return message.kind === 'request' ? message.method : `${message.status} ${message.cseq.method}`;
}

export function summary(event: SessionEvent): string {
  switch (event.type) {
    case 'ended':
      return ['ended', event.cause, event.by, event.status].filter((part) => part !== undefined).join(' ');
    case 'progress':
      return `progress ${event.status}${event.body === undefined ? '' : ` with ${event.offer ? 'offer' : 'body'}`}`;
    case 'rerejected':
      return `${event.type} ${event.status}`;
    case 'incoming':
      return `incoming${event.account === undefined ? '' : ` by ${event.account}`}${event.offer === undefined ? ' without offer' : ''}${event.replaces === undefined ? '' : ` for ${event.replaces}`}`;
    case 'accepted':
    case 'confirmed':
    case 'pracked':
    case 'reaccepted':
      return `${event.type}${event.body === undefined ? '' : ' with body'}${'focus' in event && event.focus ? ' by a focus' : ''}`;
    case 'offered':
      return event.offer === undefined ? 'offered nothing' : 'offered';
    case 'info':
    case 'stranger':
      return event.type;
    case 'referred':
      return `referred to ${event.target}${event.inside ? '' : ' from outside'}${event.attended ? ' attended' : ''}`;
    case 'referring':
      return `referring ${event.state} ${event.status}`;
    case 'refresh':
      return 'refresh';
    case 'focus':
      return event.focus ? 'a focus now' : 'no focus any more';
    case 'redirected':
      return `redirected ${event.status} by ${event.by} to ${event.to}`;
  }
}
