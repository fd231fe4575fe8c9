/**
 * Requests as fast as they are asked for, from one address; a process of its own, so that who measures is not who sends.
 * `flood.js FROM TO-HOST TO-PORT PER-SECOND SECONDS METHOD`; prints how many went out and how many answers came.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface FloodOptions {
  from: string;
  to: { address: string; port: number };
  perSecond: number;
  seconds: number;
  method?: 'OPTIONS' | 'INVITE' | 'REGISTER';
}

export interface Flooded {
  sent: number;
  sentBytes: number;
  answers: number;
  answerBytes: number;
}

/** Resolves when it is over. */
export async function flood(options: FloodOptions): Promise<Flooded> {
  const { from, to, perSecond, seconds, method = 'OPTIONS' } = options;
  const args = [from, to.address, to.port, perSecond, seconds, method].map(String);
  const child: ChildProcess = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout!.on('data', (chunk) => (text += chunk));
  await once(child, 'close');
  return JSON.parse(text) as Flooded;
}

const STEP_MS = 5;

async function main([from, host, port, perSecond, seconds, method]: string[]): Promise<void> {
  const socket = createSocket({ type: 'udp4', sendBufferSize: 1 << 20, recvBufferSize: 1 << 20 });
  const result: Flooded = { sent: 0, sentBytes: 0, answers: 0, answerBytes: 0 };
  socket.on('message', (bytes) => {
    result.answers++;
    result.answerBytes += bytes.length;
  });
  await new Promise<void>((done) => socket.bind(0, from, done));
  socket.connect(Number(port), host);
  await once(socket, 'connect');
  const sentBy = `${from}:${socket.address().port}`;
  const make = (n: number): Buffer =>
    Buffer.from(
      `${method} sip:100@${host} SIP/2.0\r\nVia: SIP/2.0/UDP ${sentBy};branch=z9hG4bK-${n};rport\r\nMax-Forwards: 70\r\n` +
        `From: "sipvicious" <sip:100@1.1.1.1>;tag=${n}\r\nTo: "sipvicious" <sip:100@1.1.1.1>\r\nCall-ID: ${n}@${from}\r\n` +
        `CSeq: 1 ${method}\r\nContact: <sip:100@${sentBy}>\r\nAccept: application/sdp\r\nUser-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n`,
    );
  const begin = performance.now();
  while (performance.now() - begin < Number(seconds) * 1000) {
    const due = Math.min(
      ((performance.now() - begin) * Number(perSecond)) / 1000,
      result.sent + Number(perSecond) / 20,
    );
    while (result.sent < due) {
      const bytes = make(result.sent++);
      result.sentBytes += bytes.length;
      socket.send(bytes);
    }
    await new Promise((done) => setTimeout(done, STEP_MS));
  }
  await new Promise((done) => setTimeout(done, 300));
  socket.close();
  console.log(JSON.stringify(result));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
