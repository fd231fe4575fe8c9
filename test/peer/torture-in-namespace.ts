/**
 * Sends the RFC 4475 messages to a running terminal, over UDP and over TCP, and asks it for its OPTIONS after each. The
 * messages name foreign hosts, so this runs in a network namespace that has nothing but loopback: `torture.test.ts`
 * starts it there and reads the lines of JSON it prints.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { request, tcpSender, transact, udpSender } from '../kit/sip.ts';
import { startTerminal } from '../kit/terminal.ts';

export interface Outcome {
  name: string;
  transport: 'UDP' | 'TCP';
  /** Statuses it answered the message with, until it had answered the OPTIONS. */
  answers: number[];
  /** Status of the OPTIONS after it, or what went wrong. */
  options: number | string;
  samePid: boolean;
}

const address = '127.0.0.50';
const to = { address, port: 5060 };
const optionsLimitMs = 2_000;

const folder = process.argv[2];
const files = readdirSync(folder, { recursive: true })
  .map(String)
  .filter((name) => name.endsWith('.dat'))
  .sort();

const cleanups: (() => Promise<void> | void)[] = [];
const terminal = await startTerminal(
  { after: (done) => cleanups.push(done) },
  { address, config: { incoming: [{ from: 'sip:nobody@nowhere.invalid', answer: 'reject' }] } },
);
const { pid } = terminal;

for (const transport of ['UDP', 'TCP'] as const) {
  for (const name of files) {
    const open = (): ReturnType<typeof udpSender> =>
      transport === 'UDP' ? udpSender('127.0.0.66', to, 5060) : tcpSender('127.0.0.66', to);
    const sender = await open();
    sender.send(readFileSync(join(folder, name)));
    // Another address: what the message did to its own sender's standing is not the question.
    const asker = await (transport === 'UDP' ? udpSender('127.0.0.67', to) : tcpSender('127.0.0.67', to));
    const options = await transact(asker, request(asker, 'OPTIONS', `sip:${address}`), optionsLimitMs).then(
      ({ status }) => status,
      (error: Error) => error.message,
    );
    const answers = sender.inbox.items.map(({ status }) => status);
    sender.close();
    asker.close();
    const outcome: Outcome = { name, transport, answers, options, samePid: terminal.running && terminal.pid === pid };
    console.log(JSON.stringify(outcome));
  }
}
if (!terminal.running) console.error(terminal.log);
for (const cleanup of cleanups.reverse()) await cleanup();
