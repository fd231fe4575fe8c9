/**
 * A cable to nobody, in a network namespace (`unshare -n`): what is asked of the server that should be there, and what the network
 * says of it. `unreachable.test.ts` starts it and reads its line of JSON.
 */
import { execFileSync } from 'node:child_process';
import { silentLogger } from '../../../src/base/index.ts';
import { createRequest } from '../../../src/sip/message/index.ts';
import { SipTransport } from '../../../src/sip/transport/index.ts';
import { until } from '../../kit/wait.ts';

const LIMIT_MS = 8_000;
const [us, server] = process.argv.slice(2);

const addresses = 'ip addr add 10.44.0.1/24 dev v0; ip -6 addr add fd44::1/64 dev v0 nodad';
const cable = `ip link set lo up; ip link add v0 type veth peer name v1; ip link set v1 up; ip link set v0 up; ${addresses}`;
execFileSync('sh', ['-c', cable]);

const refused: string[] = [];
const failed: string[] = [];
const transport = new SipTransport({
  listen: { udp: [{ host: us, port: 5060 }], tcp: [] },
  logger: silentLogger,
  onMessage() {},
  onFailure: (transaction, reason) => failed.push(`${transaction}: ${reason}`),
  onRefused: (transaction, reason) => refused.push(`${transaction}: ${reason}`),
});
await transport.start();
const hop = {
  transport: 'udp',
  remote: { host: server, port: 5060 },
  local: transport.localFor(server, 'udp'),
} as const;
const host = us.includes(':') ? `[${us}]` : us;
const began = performance.now();
for (const name of ['one', 'two', 'three']) {
  const headers: [string, string][] = [
    ['Via', `SIP/2.0/UDP ${host}:5060;rport;branch=z9hG4bK${name}`],
    ['From', '<sip:desk>;tag=1'],
    ['To', '<sip:gate>'],
    ['Call-ID', name],
    ['CSeq', '1 OPTIONS'],
  ];
  transport.send(createRequest({ method: 'OPTIONS', uri: 'sip:gate', headers }), hop, name);
}
await until('the network to say so', LIMIT_MS, () => refused.length >= 3).catch(() => undefined);
const tookMs = performance.now() - began;
// An error that stays with the socket would wake the loop for ever.
const before = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, 1_000));
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ refused, failed, tookMs, busyMs: (user + system) / 1_000 }));
await transport.stop();
