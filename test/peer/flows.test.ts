/** A NAT that forgets, between the terminal and a real Asterisk: calls come back by the connection, and it is made anew. */
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { asterisk, leavePeers } from '../kit/peers.ts';
import { account, startTerminal } from '../kit/terminal.ts';
import { until } from '../kit/wait.ts';

const address = '127.0.0.50';
/** The NAT: towards the terminal, and as the PBX sees it. */
const inside = { host: '127.0.0.68', port: 5060 };
const outside = '127.0.0.69';
const pbxAt = { host: '127.0.0.10', port: 5060 };

test.after(() => leavePeers('asterisk'));

/** Carries octets both ways; `cut` ends every connection as a NAT does that has lost its table. */
async function nat(t: TestContext) {
  const sockets = new Set<Socket>();
  const ports: number[] = [];
  const server = createServer((near) => {
    const far = connect({ ...pbxAt, localAddress: outside }, () => void ports.push(far.localPort!));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(inside, resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  t.after(() => {
    cut();
    server.close();
  });
  return { cut, ports };
}

test('pages come through the NAT by the connection we opened; cut, it is there again within 2 s', {
  timeout: 90_000,
}, async (t) => {
  const pbx = await asterisk();
  const { cut, ports } = await nat(t);
  const overTcp = account('1001', { servers: [`sip:${inside.host};transport=tcp`] });
  const terminal = await startTerminal(t, {
    address,
    config: {
      sip: { listen: { udp: `${address}:5060` }, accounts: { pbx: overTcp } },
      incoming: [{ from: 'sip:2000@*', answer: 'when-asked', as: 'page' }],
    },
  });
  const bound = (): Promise<unknown> =>
    until('the binding that leads through the NAT', 2_000, async () => {
      const contacts = await pbx.contacts('1001');
      return contacts.length === 1 && contacts[0].includes(`@${outside}:${ports.at(-1)}`);
    });
  const paged = async (): Promise<void> => {
    const from = terminal.events.items.length;
    await pbx.originate('Local/71001@intercom', 'short');
    await terminal.event({ type: 'page', state: 'connected' }, 8_000, from);
    await terminal.event({ type: 'page', state: 'ended' }, 15_000, from);
  };
  await terminal.registered();
  await bound();
  await paged();
  const events = terminal.events.items.length;
  const connections = ports.length;
  cut();
  await until('a new connection', 2_000, () => ports.length > connections);
  await bound();
  await paged();
  const lost = terminal.events.items
    .slice(events)
    .filter(({ type, registered }) => type === 'registration' && !registered);
  assert.deepEqual(lost, []);
});
