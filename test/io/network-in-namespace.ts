/**
 * A terminal in a network namespace (`unshare -n`), a registrar in another one at the other end of a cable that is pulled and
 * plugged. `network.test.ts` starts it and reads its lines of JSON: what was tried, and whether it came true.
 */

import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Service } from '../../src/app/index.ts';
import { silentLogger } from '../../src/base/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { createRequest, createResponse, type Hop, type SipRequest } from '../../src/sip/message/index.ts';
import { SipTransport } from '../../src/sip/transport/index.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { until } from '../kit/wait.ts';

const FOUR = '10.33.0.2';
const SIX = 'fd33::2';
const LIMIT_MS = 10_000;
/** Half a second on a quiet machine; probes and back-off alone would take longer than this. */
const SOON_MS = 3_000;

if (process.argv[2] === 'registrar') await registrar();
else await terminal();

/** Says `NAME FROM CONTACT` of each REGISTER. */
async function registrar(): Promise<void> {
  const shell = (command: string) => execFileSync('sh', ['-c', command]);
  console.log('there');
  await new Promise((resolve) => process.stdin.once('data', resolve));
  shell(`ip link set lo up; ip link set v1 up; ip addr add ${FOUR}/24 dev v1; ip -6 addr add ${SIX}/64 dev v1 nodad`);
  const transport = new SipTransport({
    listen: {
      udp: [FOUR, SIX].map((host) => ({ host, port: 5060 })),
      tcp: [FOUR, SIX].map((host) => ({ host, port: 5060 })),
    },
    logger: silentLogger,
    onMessage(message, hop: Hop) {
      if (message.kind === 'response' || message.method === 'ACK') return;
      const contact = message.header('Contact') ?? '';
      const headers = message.method === 'REGISTER' ? [['Contact', `${contact};expires=300`] as const] : [];
      transport.send(createResponse(message, 200, undefined, { headers, toTag: 'r' }), hop);
      if (message.method === 'REGISTER') console.log(heard(message, hop));
    },
    onFailure() {},
  });
  await transport.start();
  console.log('listens');
}

const heard = (request: SipRequest, { remote, transport }: Hop): string =>
  `${request.from.uri.user} ${transport} ${remote.host} ${request.header('Contact')} ${request.header('Expires')}`;

async function terminal(): Promise<void> {
  const shell = (command: string) => execFileSync('sh', ['-c', command]);
  const lines: string[] = [];
  const other = spawn('unshare', ['-n', process.execPath, process.argv[1], 'registrar'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  other.stdout.on('data', (bytes: Buffer) => lines.push(...bytes.toString().trim().split('\n')));
  const { path: folder, remove } = temporaryDirectory();
  let service: Service | undefined;
  try {
    await until('the registrar', LIMIT_MS, () => lines.includes('there'));
    shell(`ip link set lo up; ip link add v0 type veth peer name v1; ip link set v1 netns ${other.pid}`);
    shell('ip link set v0 up; ip addr add 10.33.0.1/24 dev v0; ip -6 addr add fd33::1/64 dev v0 nodad');
    other.stdin.write('go\n');
    await until('the registrar to listen', LIMIT_MS, () => lines.includes('listens'));
    const file = join(folder, 'terminal.yaml');
    const account = (name: string, server: string): string =>
      `${name}: { address: "sip:${name}@pbx.test", servers: "sip:${server}", password: x }`;
    writeFileSync(
      file,
      `terminal: { id: help-07 }
device: simulated
sip:
  listen: { udp: [ "0.0.0.0:5060", "[::]:5060" ], tcp: [ "0.0.0.0:5060", "[::]:5060" ] }
  accounts:
    ${account('four', FOUR)}
    ${account('six', `[${SIX}]`)}
    ${account('stream', `${FOUR};transport=tcp`)}
`,
    );
    service = new Service({
      config: await loadConfig(file),
      stateDirectory: folder,
      socketPath: join(folder, 'control.sock'),
      version: '0',
      logger: silentLogger,
      onChange() {},
    });
    const one = service;
    await one.start();
    const of = (name: string, from = 0): string | undefined =>
      lines.slice(from).find((line) => line.startsWith(`${name} `));
    const all = ['four', 'six', 'stream'];
    const is = (name: string): boolean => one.status().registrations[name]?.registered === true;

    await tell('both families and a stream at once, each from the address that leads there', async () => {
      await until('three registrations', LIMIT_MS, () => all.every((name) => is(name) && of(name) !== undefined));
      expect(of('four')!, /^four udp 10\.33\.0\.1 <sip:four@10\.33\.0\.1:5060>/);
      expect(of('six')!, /^six udp fd33::1 <sip:six@\[fd33::1\]:5060>/);
      expect(of('stream')!, /^stream tcp 10\.33\.0\.1 <sip:stream@10\.33\.0\.1:5060;transport=tcp>/);
    });
    await tell('a connection to where nobody is, with another way open: given up after its 500 ms', async () => {
      const reason = await failure({ host: '10.33.0.77', port: 5060 }, 500);
      expect(reason, /^TCP connection: no connection within 500 ms$/);
    });
    const heardThere: string[] = [];
    const single = new SipTransport({
      listen: { udp: [{ host: '10.33.0.1', port: 5070 }], tcp: [] },
      logger: silentLogger,
      onMessage: (message) => heardThere.push(message.callId),
      onFailure() {},
    });
    await single.start();
    await tell('the address goes: said at once, the other family stays', async () => {
      shell('ip addr del 10.33.0.1/24 dev v0');
      await until('the loss', SOON_MS, () => !is('four') && !is('stream'));
      expect(String(is('six')), /true/);
    });
    await tell('it comes back: registered at once', async () => {
      const from = lines.length;
      shell('ip addr add 10.33.0.1/24 dev v0');
      await until('the return', SOON_MS, () => is('four') && is('stream') && of('four', from) && of('stream', from));
    });
    await tell('who listens by UDP at that address alone hears again', async () => {
      const socket = createSocket('udp4');
      socket.send(
        'OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\n' +
          'Call-ID: again\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\r\n',
        5070,
        '10.33.0.1',
      );
      await until('a datagram', SOON_MS, () => heardThere.includes('again')).finally(() => socket.close());
      await single.stop();
    });
    await tell('another address comes in its place: registered there at once', async () => {
      const from = lines.length;
      shell('ip addr del 10.33.0.1/24 dev v0; ip addr add 10.33.0.9/24 dev v0');
      await until('the new place', SOON_MS, () => of('four', from) && of('stream', from));
      expect(of('four', from)!, /^four udp 10\.33\.0\.9 <sip:four@10\.33\.0\.9:5060>/);
      expect(of('stream', from)!, /^stream tcp 10\.33\.0\.9 <sip:stream@10\.33\.0\.9:5060;transport=tcp>/);
    });
    await tell('the cable is pulled: a fault of its own', async () => {
      shell('ip link set v0 down');
      await until('the fault', SOON_MS, () => one.status().faults.some(({ fault }) => fault === 'network'));
      await until('the loss', SOON_MS, () => !all.some(is));
    });
    await tell('it is plugged in again: no fault, registered at once', async () => {
      // The kernel takes IPv6 addresses along with the link.
      shell('ip link set v0 up; ip -6 addr add fd33::1/64 dev v0 nodad');
      await until('the return', SOON_MS, () => all.every(is));
      expect(JSON.stringify(one.status().faults), /^\[\]$/);
    });
  } finally {
    await service?.stop();
    other.kill();
    remove();
  }
}

/** Why a request to `remote` over TCP could not be sent. */
async function failure(remote: Hop['remote'], connectMs: number): Promise<string> {
  const reasons: string[] = [];
  const transport = new SipTransport({
    listen: { udp: [{ host: '0.0.0.0', port: 0 }], tcp: [] },
    logger: silentLogger,
    onMessage() {},
    onFailure: (_transaction, reason) => reasons.push(reason),
  });
  await transport.start();
  const hop: Hop = { transport: 'tcp', remote, local: transport.localFor(remote.host, 'tcp'), connectMs };
  const headers = [
    ['Via', 'SIP/2.0/TCP 10.33.0.1;branch=z9hG4bKx'],
    ['From', '<sip:a>;tag=1'],
    ['To', '<sip:b>'],
    ['Call-ID', 'x'],
    ['CSeq', '1 OPTIONS'],
  ] as const;
  transport.send(createRequest({ method: 'OPTIONS', uri: 'sip:b', headers: [...headers] }), hop, 'one');
  try {
    return await until('the failure', LIMIT_MS, () => reasons[0]);
  } finally {
    await transport.stop();
  }
}

function expect(text: string, pattern: RegExp): void {
  if (!pattern.test(text)) throw new Error(`${text} is not ${pattern}`);
}

async function tell(name: string, step: () => Promise<void>): Promise<void> {
  const at = performance.now();
  let detail = '';
  await step().catch((error: Error) => {
    detail = error.message;
  });
  console.log(JSON.stringify({ name, ok: detail === '', detail, tookMs: Math.round(performance.now() - at) }));
}
