/** SIP by hand: bytes out and text in, for what no phone would send. Knows just enough to tell the answers apart. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { Inbox } from './wait.ts';

export interface SipText {
  /** The whole message. */
  text: string;
  /** 0 for a request. */
  status: number;
  /** Of the request, or of the CSeq of a response. */
  method: string;
  from: { address: string; port: number };
  /** `performance.now()` when it came. */
  atMs: number;
}

/** The first header of that name, full names only. */
export function header({ text }: Pick<SipText, 'text'>, name: string): string | undefined {
  return new RegExp(`^${name}\\s*:\\s*(.*)$`, 'im').exec(text)?.[1]?.trim();
}

function read(text: string, from: SipText['from']): SipText {
  const status = Number(/^SIP\/2\.0 (\d{3})/.exec(text)?.[1] ?? 0);
  const method = status > 0 ? (header({ text }, 'CSeq')?.split(/\s+/)[1] ?? '') : text.slice(0, text.indexOf(' '));
  return { text, status, method, from, atMs: performance.now() };
}

export interface SipSender {
  readonly inbox: Inbox<SipText>;
  /** What a Via of ours says: `UDP 127.0.0.60:5060`. */
  readonly sentBy: string;
  readonly contact: string;
  send(message: string | Uint8Array): void;
  close(): void;
}

/** A UDP socket that talks to one place; what comes from anywhere is read. */
export async function udpSender(address: string, to: { address: string; port: number }, port = 0): Promise<SipSender> {
  const socket: UdpSocket = createSocket('udp4');
  const inbox = new Inbox<SipText>();
  socket.on('message', (bytes, { address: from, port: fromPort }) =>
    inbox.put(read(bytes.toString('latin1'), { address: from, port: fromPort })),
  );
  await new Promise<void>((resolve, reject) => socket.once('error', reject).bind(port, address, resolve));
  const sentBy = `${address}:${socket.address().port}`;
  return {
    inbox,
    sentBy: `UDP ${sentBy}`,
    contact: `sip:tester@${sentBy}`,
    send: (message) => socket.send(message, to.port, to.address),
    close: () => socket.close(),
  };
}

/** A TCP connection; messages are cut out of the stream by their Content-Length. */
export function tcpSender(address: string, to: { address: string; port: number }): Promise<SipSender> {
  const socket = connect({ host: to.address, port: to.port, localAddress: address });
  return streamSender(address, to, socket, 'tcp', 'connect');
}

/** The same over TLS; whoever is there is believed. `own`: shown when the other side asks who we are. */
export function tlsSender(
  address: string,
  to: { address: string; port: number },
  own?: { certificate: string; key: string },
): Promise<SipSender> {
  const socket = connect({ host: to.address, port: to.port, localAddress: address });
  const secure = tlsConnect({ socket, rejectUnauthorized: false, cert: own?.certificate, key: own?.key });
  return streamSender(address, to, secure, 'tls', 'secureConnect');
}

async function streamSender(
  address: string,
  to: { address: string; port: number },
  socket: Socket,
  transport: 'tcp' | 'tls',
  opened: 'connect' | 'secureConnect',
): Promise<SipSender> {
  const inbox = new Inbox<SipText>();
  let stream = '';
  socket.on('data', (chunk) => {
    stream = (stream + chunk.toString('latin1')).replace(/^(\r\n)+/, '');
    for (;;) {
      const head = stream.indexOf('\r\n\r\n') + 4;
      if (head < 4) return;
      const length = head + Number(header({ text: stream.slice(0, head) }, 'Content-Length') ?? 0);
      if (stream.length < length) return;
      inbox.put(read(stream.slice(0, length), to));
      stream = stream.slice(length).replace(/^(\r\n)+/, '');
    }
  });
  await new Promise<void>((resolve, reject) => socket.once(opened, resolve).once('error', reject));
  socket.on('error', () => undefined); // the peer may cut the connection after what it cannot read
  const sentBy = `${address}:${socket.localPort}`;
  return {
    inbox,
    sentBy: `${transport.toUpperCase()} ${sentBy}`,
    contact: `sip:tester@${sentBy};transport=${transport}`,
    send: (message) => socket.write(message),
    close: () => socket.destroy(),
  };
}

let serial = 0;

export interface RequestOptions {
  headers?: string[];
  body?: string;
  from?: string;
  /** Of an ACK or CANCEL: those of the INVITE. */
  callId?: string;
  branch?: string;
  toTag?: string;
  sequence?: number;
}

/** A well-formed request outside a dialog, with fresh identifiers. */
export function request(sender: SipSender, method: string, uri: string, options: RequestOptions = {}): string {
  serial += 1;
  const unique = `${process.pid}-${serial}`;
  const { headers = [], body = '', from = `<${sender.contact}>`, toTag } = options;
  return [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/${sender.sentBy};branch=${options.branch ?? `z9hG4bK-${unique}`};rport`,
    'Max-Forwards: 70',
    `From: ${from};tag=kit`,
    `To: <${uri}>${toTag === undefined ? '' : `;tag=${toTag}`}`,
    `Call-ID: ${options.callId ?? `${unique}@kit`}`,
    `CSeq: ${options.sequence ?? 1} ${method}`,
    `Contact: <${sender.contact}>`,
    ...headers,
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

/** Sends a request and waits for its final response. */
export async function transact(sender: SipSender, message: string, limitMs = 3_000): Promise<SipText> {
  const callId = header({ text: message }, 'Call-ID');
  sender.send(message);
  return sender.inbox.take(
    `a final answer to ${message.slice(0, message.indexOf('\r\n'))}`,
    limitMs,
    (item) => item.status >= 200 && header(item, 'Call-ID') === callId,
  );
}

/** An offer of G.711 audio to and from this address. */
export function offer(address: string, port: number, direction = 'sendrecv'): string {
  return [
    'v=0',
    `o=kit 1 1 IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    `m=audio ${port} RTP/AVP 0 8 101`,
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:8 PCMA/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-15',
    `a=${direction}`,
    '',
  ].join('\r\n');
}

/** A response to a request as it came, RFC 3261 §8.2.6.2. */
export function respond(to: SipText, status: number, reason: string, headers: string[] = [], body = ''): string {
  const copied = to.text.split('\r\n').filter((line) => /^(Via|v|From|f|To|t|Call-ID|i|CSeq)\s*:/i.test(line));
  const tagged = copied.map((line) => (/^(To|t)\s*:/i.test(line) && !/;tag=/.test(line) ? `${line};tag=kit` : line));
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  return [`SIP/2.0 ${status} ${reason}`, ...tagged, ...headers, length, '', body].join('\r\n');
}
