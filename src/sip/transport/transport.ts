/** The edge of SIP: sockets in, sockets out (RFC 3261 §18). Whatever arrives, nothing is thrown out of here. */
import { isIP } from 'node:net';
import type { Logger } from '../../base/index.ts';
import {
  formatMessage,
  type Hop,
  type HostPort,
  parseMessage,
  replyTo,
  type SipMessage,
  type SipResponse,
  SipSyntaxError,
  shrinkTo,
  type Transport,
  validate,
} from '../message/index.ts';
import type { Connection, StreamTransport } from './connection.ts';
import { allDone, systemReason, TransportError } from './errors.ts';
import type { Frame } from './framing.ts';
import { type LimitOptions, Limits, type StrangerCounts } from './limits.ts';
import { isAny, type Listener, OwnSide } from './own-side.ts';
import { Streams } from './streams.ts';
import { Tls, type TlsOptions } from './tls.ts';
import { UdpListener } from './udp.ts';
import { UdpPeers } from './udp-peers.ts';
import { responseTarget, stampVia } from './via.ts';

/** Bytes as they passed, for a trace. */
export interface Passage {
  direction: 'in' | 'out';
  transport: Transport;
  local: HostPort;
  remote: HostPort;
  /** Whether an account or a rule names the other side, or we asked it something. */
  known: boolean;
  bytes: Uint8Array;
}

export interface SipTransportOptions {
  listen: { udp: readonly HostPort[]; tcp: readonly HostPort[]; tls?: readonly HostPort[] };
  /** Whom we trust over TLS, and who we are there. */
  tls?: TlsOptions;
  /** What everything we send is marked with (RFC 2474); absent: CS3, 24. */
  dscp?: number;
  /** Absent: nobody is a stranger, and whatever comes is looked at. */
  limits?: LimitOptions;
  logger: Logger;
  /** A sound message. A `SipSyntaxError` thrown here (a header field that turns out malformed) is answered with 400. */
  onMessage(message: SipMessage, hop: Hop): void;
  /** What `send` was given with `transaction` could not be sent, or its connection broke before any answer. */
  onFailure(transaction: string, reason: string): void;
  /**
   * The network says that nobody is where `transaction` was sent by UDP, and nobody there has said anything (RFC 3261 §18.4).
   * A hint: it may be forged, and a later copy may be heard by a server that is just being started.
   */
  onRefused?(transaction: string, reason: string): void;
  /** A connection has ended, whoever opened it; before what waited for an answer on it is reported. */
  onClosed?(flow: string): void;
  onBytes?(passage: Passage): void;
}

/** How long the other side may take to read our 400 before its broken stream is cut, ms. */
const FAULT_LINGER_MS = 2000;
/** How often the log says what strangers did, when they did something. */
const TELL_STRANGERS_MS = 60_000;
/** RFC 4594 §3: broadcast video; the class that PBXs and switches of makers use for call signalling. */
const SIGNALLING_DSCP = 24;
const PONG = new Uint8Array([13, 10]);

export class SipTransport {
  readonly #options: SipTransportOptions;
  readonly #udp: readonly UdpListener[];
  readonly #peers: UdpPeers;
  readonly #streams: Streams;
  readonly #own: OwnSide;
  readonly #limits: Limits | undefined;
  #telling?: NodeJS.Timeout;

  constructor(options: SipTransportOptions) {
    this.#options = options;
    this.#limits = options.limits && new Limits(options.limits);
    const { dscp = SIGNALLING_DSCP } = options;
    this.#udp = options.listen.udp.map((address): UdpListener => {
      const listener: UdpListener = new UdpListener(
        address,
        dscp,
        (bytes, remote) => this.#datagram(listener, bytes, remote),
        (reason) => options.logger.warn('sip udp socket', { host: address.host, port: address.port, reason }),
      );
      return listener;
    });
    this.#peers = new UdpPeers({
      onRefused: (transaction, reason) => options.onRefused?.(transaction, reason),
      onTrouble: (remote, reason) => options.logger.debug('sip udp socket of one server', { ...remote, reason }),
    });
    const { tcp, tls = [] } = options.listen;
    this.#streams = new Streams({ tcp, tls }, dscp, new Tls(options.tls ?? {}), {
      onFrame: (connection, frame) => this.#frame(connection, frame),
      onClose: (connection, reason, waiting) => {
        options.logger.debug('sip connection closed', { flow: connection.id, ...connection.remote, reason });
        options.onClosed?.(connection.id);
        const what = `${connection.transport.toUpperCase()} connection`;
        for (const transaction of waiting) options.onFailure(transaction, `${what}: ${reason}`);
      },
    });
    this.#streams.limits = this.#limits;
    this.#own = new OwnSide(this.#udp, this.#streams);
  }

  /** Binds everything, or rejects with a `TransportError` naming the address and leaves nothing bound. */
  async start(): Promise<void> {
    try {
      await allDone([...this.#udp.map((listener) => listener.start()), this.#streams.start()]);
      this.#tellStrangers();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Closes everything; queued answers on connections are sent first. */
  async stop(): Promise<void> {
    clearInterval(this.#telling);
    this.#peers.close();
    await Promise.all([...this.#udp.map((listener) => listener.stop()), this.#streams.stop()]);
  }

  /** Links, addresses or routes are others now: nothing is taken for known, and no connection kept that cannot live. */
  refresh(): void {
    this.#own.refresh();
    this.#peers.close();
    this.#streams.refresh();
  }

  /** What came from addresses that no account and no rule names. */
  get strangers(): StrangerCounts {
    return this.#limits?.strangers ?? { messages: 0, dropped: 0, sources: [] };
  }

  /** One line for all of them: nobody fills the log by sending to us. */
  #tellStrangers(): void {
    let told = this.strangers;
    clearInterval(this.#telling);
    this.#telling = setInterval(() => {
      const { messages, dropped, sources } = this.strangers;
      if (messages + dropped === told.messages + told.dropped) return;
      const since = { messages: messages - told.messages, dropped: dropped - told.dropped };
      this.#options.logger.info('Strangers', { ...since, busiest: sources.slice(0, 3) });
      told = { messages, dropped, sources };
    }, TELL_STRANGERS_MS);
    this.#telling.unref();
  }

  /** The bound addresses, with real ports. */
  get listening(): Record<Transport, HostPort[]> {
    const [tcp, tls] = [this.#streams.of('tcp'), this.#streams.of('tls')];
    const boundOf = (listeners: readonly Listener[]): HostPort[] => listeners.map(({ bound }) => bound);
    return { udp: boundOf(this.#udp), tcp: boundOf(tcp), tls: boundOf(tls) };
  }

  /** Whether anybody can open a connection of this kind to us. */
  hears(transport: Transport): boolean {
    return this.listening[transport].length > 0;
  }

  /** Our side as `remoteHost` (an IP literal) sees it, with the listening port. Throws `TransportError` when nothing fits. */
  localFor(remoteHost: string, transport: Transport): HostPort {
    return this.#own.localFor(remoteHost, transport);
  }

  /** Sends without waiting. What fails at once or later is reported by `onFailure`, never thrown. `bytes`: `message`, if known. */
  send(message: SipMessage, hop: Hop, transaction?: string, bytes: Uint8Array = formatMessage(message)): void {
    const remote = message.kind === 'response' ? responseTarget(message, hop) : hop.remote;
    const fail = (reason: string) => {
      this.#options.logger.debug('sip not sent', { transport: hop.transport, ...remote, reason });
      if (transaction !== undefined) this.#options.onFailure(transaction, reason);
    };
    if (message.kind === 'request') this.#limits?.asked(remote.host, performance.now());
    switch (hop.transport) {
      case 'udp':
        this.#sendDatagram(bytes, message, { ...hop, remote }, transaction, fail);
        break;
      case 'tcp':
      case 'tls':
        try {
          this.#sendStream(hop.transport, bytes, message, { ...hop, remote }, transaction);
        } catch (error) {
          if (!(error instanceof TransportError)) throw error;
          queueMicrotask(() => fail(error.message));
        }
        break;
    }
  }

  #sendDatagram(
    bytes: Uint8Array,
    message: SipMessage,
    hop: Hop,
    transaction: string | undefined,
    fail: (reason: string) => void,
  ): void {
    const family = isIP(hop.remote.host.split('%')[0]);
    const fitting = this.#udp.filter((listener) => listener.family === family);
    const { host, port } = hop.local;
    const listener =
      fitting.find(({ bound }) => bound.host === host && bound.port === port) ??
      fitting.find((one) => isAny(one) && one.bound.port === port) ??
      fitting[0];
    if (listener === undefined) {
      queueMicrotask(() => fail(`no UDP socket for ${hop.remote.host}`));
      return;
    }
    const known = this.#limits?.knows(hop.remote.host, performance.now()) ?? true;
    const open = known && message.kind === 'request';
    this.#peers.send(listener, hop.remote, { bytes, message, transaction, open }, (error) => {
      if (error !== null) fail(systemReason(error));
    });
    this.#passed({ direction: 'out', transport: 'udp', local: hop.local, remote: hop.remote, bytes });
  }

  #sendStream(
    transport: StreamTransport,
    bytes: Uint8Array,
    message: SipMessage,
    hop: Hop,
    transaction: string | undefined,
  ): void {
    // A named connection leads to where it came from, whatever port the Via says (RFC 3261 §18.2.2).
    const connection = this.#streams.find(hop) ?? this.#streams.open(transport, hop, this.#own.bindTo(hop));
    this.#passed({ direction: 'out', transport, local: hop.local, remote: connection.remote, bytes });
    const asks = message.kind === 'request' && message.method !== 'ACK';
    connection.send(bytes, asks ? (message.via.params.get('branch') ?? undefined) : undefined, transaction);
  }

  #passed(passage: Omit<Passage, 'known'>): void {
    const { onBytes } = this.#options;
    if (onBytes === undefined) return;
    const known = this.#limits?.familiar(passage.remote.host, performance.now()) ?? true;
    onBytes({ ...passage, known });
  }

  #datagram(listener: UdpListener, bytes: Buffer, remote: HostPort): void {
    if (this.#limits?.admit(remote.host, performance.now()) === false) return;
    // RFC 5626 §3.5.2 and common practice: blank or zero octets keep a NAT binding open; STUN begins with 0 or 1.
    if (bytes.length === 0 || bytes[0] < 2 || (bytes.length <= 4 && /^\s*$/.test(bytes.toString('latin1')))) return;
    const local = this.#own.ofDatagram(listener.bound, remote.host);
    this.#passed({ direction: 'in', transport: 'udp', local, remote, bytes });
    this.#receive(bytes, { transport: 'udp', remote, local });
  }

  #frame(connection: Connection, frame: Frame): void {
    const { remote, transport, domains, identities } = connection;
    const local = this.#own.ofConnection(connection.localHost ?? '', transport);
    const hop: Hop = {
      transport,
      remote,
      local,
      flow: connection.id,
      ...(domains && { domains }),
      ...(identities && { identities }),
    };
    switch (frame.kind) {
      case 'ping':
        if (this.#limits?.admit(remote.host, performance.now()) === false) connection.close('too many pings');
        else connection.send(PONG);
        break;
      case 'message':
        if (this.#limits?.admit(remote.host, performance.now()) === false) {
          connection.close('too many messages');
          break;
        }
        this.#passed({ direction: 'in', transport, local, remote, bytes: frame.bytes });
        this.#receive(frame.bytes, hop);
        break;
      case 'fault':
        this.#options.logger.debug('sip stream broken', { ...remote, reason: frame.reason });
        if (frame.bytes !== undefined) {
          this.#passed({ direction: 'in', transport, local, remote, bytes: frame.bytes });
          this.#receive(frame.bytes, hop, frame.reason);
        }
        connection.end(frame.reason, FAULT_LINGER_MS);
        break;
    }
  }

  #answered(response: SipResponse, { flow }: Hop): void {
    const branch = response.via.params.get('branch') ?? '';
    this.#streams.answered(branch);
    this.#peers.answered(branch);
    const registered = response.cseq.method === 'REGISTER' && response.status >= 200 && response.status < 300;
    if (!registered || flow === undefined) return;
    // RFC 5626 §4.4.1, §6: with either the server has promised to answer pings.
    const seconds = /^\d{1,5}$/.exec(response.header('Flow-Timer') ?? '')?.[0];
    const outbound = response.list('Require').some((tag) => tag.toLowerCase() === 'outbound');
    const everyMs = seconds === undefined ? undefined : Math.max(1, Number(seconds)) * 1_000;
    this.#streams.keepAlive(flow, everyMs, outbound || seconds !== undefined);
  }

  /** `broken`: the head of a stream that cannot be cut any further; it is answered with 400 whatever it says. */
  #receive(bytes: Uint8Array, hop: Hop, broken?: string): void {
    let message: SipMessage | undefined;
    try {
      message = parseMessage(bytes);
      if (message.kind === 'request') {
        message.octets = bytes.length;
        stampVia(message, hop.remote);
      }
      validate(message);
      if (broken !== undefined) throw new SipSyntaxError(`Cannot use the stream: ${broken}`);
      if (message.kind === 'response') this.#answered(message, hop);
      this.#options.onMessage(message, hop);
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      this.#options.logger.debug('sip message refused', {
        transport: hop.transport,
        ...hop.remote,
        reason: error.message,
      });
      const reply =
        error.reply ?? (message?.kind === 'request' ? replyTo(message, error.status, error.message) : undefined);
      if (reply === undefined) return;
      stampVia(reply, hop.remote);
      if (this.#limits === undefined || this.#limits.knows(hop.remote.host, performance.now()))
        return this.send(reply, hop);
      // A stranger is told neither what was wrong nor more than he said.
      reply.remove('Warning');
      const fits = hop.transport !== 'udp' || shrinkTo(reply, bytes.length);
      if (!this.#limits.silent && fits) this.send(reply, hop);
    }
  }
}
