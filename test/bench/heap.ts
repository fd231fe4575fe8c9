/** What the user agent keeps in memory, per thing, on a network of numbers: octets of heap after a full collection. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { dice, Network } from '../lab/network.ts';
import { Registrar } from '../lab/registrar.ts';
import { SERVER, Terminal } from '../lab/terminal.ts';
import { print } from './figures.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Octets in use once everything dead is gone. */
function heap(): number {
  for (let i = 0; i < 3; i++) collect();
  return process.memoryUsage().heapUsed;
}

const fine = { loss: 0, duplication: 0, delayMs: [0, 1] } as const;
const roll = dice(1);
const sdp = (host: string) => ({
  contentType: 'application/sdp',
  bytes: Buffer.from(
    `v=0\r\no=- 1 1 IN IP4 ${host}\r\ns=-\r\nc=IN IP4 ${host}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n`,
  ),
});
const kilo = (octets: number): string => `${(octets / 1000).toFixed(1)} kB`;

/** After all timers of RFC 3261 (64*T1 = 32 s), with nothing on its way. */
const quietMs = 40_000;

function accounts(count: number): void {
  const network = new Network(fine, roll);
  network.join(new Registrar(SERVER, network, (user) => `pw${user}`));
  const before = heap();
  const terminals: Terminal[] = [];
  for (let i = 0; i < count; i++) {
    const terminal = new Terminal(`10.1.${i >> 8}.${i & 255}`, `u${i}`, network, roll, { expiresMs: 3_600_000 });
    terminals.push(terminal);
    // One after the other, and all in one period of the OPTIONS that keep a NAT open: they are not asked at once.
    network.at(i, () => terminal.do(terminal.ua.start(network.now)));
  }
  network.run(quietMs);
  const used = (heap() - before) / count;
  const registered = terminals.filter(({ registration }) => registration.at(-1) === 'registered').length;
  print('registered account', `${registered} of ${count}`, `${kilo(used)}, its user agent included`);
}

/** Two user agents and `count` calls between them, one end of each here and one there. */
function pairs(): { network: Network; caller: Terminal; called: Terminal } {
  const network = new Network(fine, roll);
  const make = (host: string) => {
    const terminal = new Terminal(host, host, network, roll, {}, { accounts: [] });
    return terminal;
  };
  return { network, caller: make('10.2.0.1'), called: make('10.2.0.2') };
}

function dialogs(count: number, perPair: number): void {
  const all = Array.from({ length: count / perPair }, pairs);
  const before = heap();
  let talking = 0;
  for (const { network, caller, called } of all) {
    called.react = (session, { type }) => {
      if (type === 'incoming') called.do(called.ua.accept(session, sdp(called.host), network.now));
      if (type === 'confirmed') talking++;
    };
    for (let i = 0; i < perPair; i++) {
      network.at(network.now + i, () => {
        const invitation = { session: `s${i}`, target: `sip:help@${called.host}`, body: () => sdp(caller.host) };
        caller.do(caller.ua.invite(invitation, network.now));
      });
    }
    network.run(network.now + quietMs);
  }
  const used = (heap() - before) / (2 * count);
  print('idle dialog', `${talking} of ${count}`, `${kilo(used)}, mean of both ends`);
}

/** INVITE, 180, CANCEL, 487: two client and two server transactions. */
function transactions(count: number): void {
  const { network, caller, called } = pairs();
  called.react = (session, { type }) => {
    if (type === 'incoming') called.do(called.ua.ring(session, network.now));
  };
  caller.react = (session, { type }) => {
    if (type === 'progress') caller.do(caller.ua.end(session, network.now));
  };
  const call = (name: string) => {
    const invitation = { session: name, target: `sip:help@${called.host}`, body: () => sdp(caller.host) };
    caller.do(caller.ua.invite(invitation, network.now));
    network.run(network.now + 10);
    for (const { log } of [caller, called]) log.clear();
  };
  for (let i = 0; i < count; i++) call(`w${i}`);
  network.run(network.now + quietMs);
  const before = heap();
  for (let i = 0; i < count; i++) call(`s${i}`);
  const remembered = (heap() - before) / (4 * count);
  network.run(network.now + quietMs);
  const left = (heap() - before) / (4 * count);
  print('transaction, finished', `${4 * count}`, `${kilo(remembered)} while copies may come (32 s)`);
  print('transaction, forgotten', `${4 * count}`, `${Math.round(left)} octets`);
}

accounts(20); // what every first use compiles
dialogs(40, 40);
console.log();
accounts(500);
dialogs(480, 40);
transactions(200);
