/** A registrar and a proxy that keeps no state but its bindings (RFC 3261 §10.3, §16.11), with digest for REGISTER and INVITE. */
import { createHash } from 'node:crypto';
import {
  createResponse,
  formatVia,
  type Hop,
  parseAuth,
  parseUri,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from '../../src/sip/message/index.ts';
import type { Network, Node } from './network.ts';

const hash = (text: string): string => createHash('md5').update(text).digest('hex');

export class Registrar implements Node {
  readonly host: string;
  readonly deadline = undefined;
  readonly bindings = new Map<string, string>();
  readonly #network: Network;
  readonly #password: (user: string) => string;

  readonly #domain: string;

  /** `domain`: what it serves beside its own address. */
  constructor(host: string, network: Network, password: (user: string) => string, domain = host) {
    this.#domain = domain;
    this.host = host;
    this.#network = network;
    this.#password = password;
  }

  timeout(): void {
    // It keeps no time.
  }

  receive(message: SipMessage, hop: Hop): void {
    if (message.kind === 'response') return this.#back(message);
    const atUs = message.parsedUri().host === this.host;
    if (message.method === 'REGISTER') return this.#register(message, hop);
    if (message.method === 'OPTIONS' && atUs && message.parsedUri().user === undefined)
      return this.#reply(message, hop, 200);
    if (message.method === 'INVITE' && message.toTag === undefined && !this.#proven(message, 'Proxy-Authorization')) {
      return this.#reply(message, hop, 407, [
        ['Proxy-Authenticate', `Digest realm="${this.host}", nonce="n", qop="auth"`],
      ]);
    }
    const { user = '' } = message.parsedUri();
    if (message.method === 'INVITE' && atUs && user.startsWith('302'))
      return this.#reply(message, hop, 302, [['Contact', `<sip:${user.slice(3)}@${this.host}>`]]);
    this.#forward(message, hop);
  }

  #reply(request: SipRequest, hop: Hop, status: number, headers: [string, string][] = []): void {
    // Without state, the same request gets the same tag (§8.2.7).
    const response = createResponse(request, status, undefined, { headers, toTag: hash(request.callId) });
    this.#network.send(this.host, hop.remote, response);
  }

  #register(request: SipRequest, hop: Hop): void {
    if (!this.#proven(request, 'Authorization')) {
      const challenge = `Digest realm="${this.host}", nonce="n", algorithm=MD5, qop="auth"`;
      return this.#reply(request, hop, 401, [['WWW-Authenticate', challenge]]);
    }
    const { user = '' } = request.to.uri;
    const [contact] = request.contacts;
    if (request.expires === 0) this.bindings.delete(user);
    else this.bindings.set(user, contact.uriText);
    this.#reply(request, hop, 200, [['Contact', `<${contact.uriText}>;expires=${request.expires}`]]);
  }

  #proven(request: SipRequest, name: string): boolean {
    for (const text of request.headers(name)) {
      const { params } = parseAuth(text);
      const value = (key: string): string => params.get(key) ?? '';
      const secret = hash(`${value('username')}:${this.host}:${this.#password(value('username'))}`);
      const what = hash(`${request.method}:${value('uri')}`);
      const proof = hash(`${secret}:${value('nonce')}:${value('nc')}:${value('cnonce')}:auth:${what}`);
      if (value('realm') === this.host && proof === value('response')) return true;
    }
    return false;
  }

  #forward(request: SipRequest, hop: Hop): void {
    const sent = request.clone();
    const [own] = sent.routes;
    if (own?.uri.host === this.host) {
      const rest = sent.list('Route').slice(1);
      sent.remove('Route');
      for (const route of rest) sent.add('Route', route);
    } else if ([this.host, this.#domain].includes(sent.parsedUri().host)) {
      const target = this.bindings.get(sent.parsedUri().user ?? '');
      if (target === undefined) {
        if (request.method !== 'ACK') this.#reply(request, hop, 404);
        return;
      }
      sent.uri = target;
    }
    // §16.11: the branch is made of the one that came, so that ACK and CANCEL meet their INVITE.
    const branch = `z9hG4bK${hash(request.via.params.get('branch') ?? '')}`;
    sent.prepend(
      'Via',
      formatVia({ transport: 'UDP', host: this.host, port: 5060, params: new Map([['branch', branch]]) }),
    );
    if (request.method === 'INVITE' && request.toTag === undefined)
      sent.prepend('Record-Route', `<sip:${this.host};lr>`);
    const next = sent.routes[0]?.uri ?? parseUri(sent.uri);
    this.#network.send(this.host, { host: next.host, port: next.port ?? 5060 }, sent);
  }

  #back(response: SipResponse): void {
    const sent = response.clone();
    const vias = sent.list('Via').slice(1);
    if (vias.length === 0) return;
    sent.remove('Via');
    for (const via of vias.reverse()) sent.prepend('Via', via);
    this.#network.send(this.host, { host: sent.via.host, port: sent.via.port ?? 5060 }, sent);
  }
}
