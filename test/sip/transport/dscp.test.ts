/** What SIP is marked with (RFC 2474), seen on the wire. */
import { after, test } from 'node:test';
import { silentLogger } from '../../../src/base/index.ts';
import { createRequest, type SipMessage } from '../../../src/sip/message/index.ts';
import { SipTransport } from '../../../src/sip/transport/index.ts';
import { authorities, withoutOpenssl } from '../../kit/certificates.ts';
import { mayWatchPackets, PacketWatch } from '../../kit/packets.ts';
import { CountingRandom } from '../../kit/random.ts';
import { Inbox } from '../../kit/wait.ts';

const LIMIT_MS = 6000;
const CS3 = 24;
const AF31 = 26;
const skip = !mayWatchPackets && 'only root sees packets pass';

async function end(host: string, dscp?: number, tls = {}) {
  const arrivals = new Inbox<SipMessage>();
  const listen = { udp: [{ host, port: 0 }], tcp: [{ host, port: 0 }], tls: 'key' in tls ? [{ host, port: 0 }] : [] };
  const transport = new SipTransport({
    listen,
    dscp,
    tls,
    logger: silentLogger,
    onMessage: (message) => arrivals.put(message),
    onFailure: () => {},
  });
  await transport.start();
  return { transport, arrivals, host };
}

for (const transport of ['udp', 'tcp', 'tls'] as const) {
  test(`${transport}: marked as call signalling, or as configured`, { skip: skip || withoutOpenssl }, async (t) => {
    const made = authorities('known');
    after(() => made.remove());
    const own = made.known.sign({ names: 'IP:127.40.9.2' });
    const us = await end('127.40.9.1', undefined, { ca: made.known.certificate });
    const them = await end('127.40.9.2', AF31, { ...own, ca: made.known.certificate });
    const watch = new PacketWatch();
    t.after(async () => {
      watch.close();
      await Promise.all([us.transport.stop(), them.transport.stop()]);
    });
    const { port } = them.transport.listening[transport][0];
    const local = { host: us.host, port: us.transport.listening.udp[0].port };
    const request = createRequest({
      method: 'OPTIONS',
      uri: `sip:them@${them.host}`,
      headers: [
        ['Via', `SIP/2.0/${transport.toUpperCase()} placeholder;branch=z9hG4bK${new CountingRandom().token()}`],
        ['From', '<sip:us@us.test>;tag=1'],
        ['To', '<sip:them@them.test>'],
        ['Call-ID', `dscp-${transport}`],
        ['CSeq', '1 OPTIONS'],
        ['Max-Forwards', '70'],
      ],
    });
    us.transport.send(request, { transport, local, remote: { host: them.host, port } }, 'first');
    await them.arrivals.take('the request', LIMIT_MS, () => true);
    const protocol = transport === 'udp' ? 'udp' : 'tcp';
    const marked = (from: string, dscp: number) =>
      watch.next(`a packet of ${from} marked ${dscp}`, LIMIT_MS, (packet) => {
        return packet.protocol === protocol && packet.from === from && packet.dscp === dscp;
      });
    await marked(us.host, CS3);
    if (protocol === 'tcp') await marked(them.host, AF31);
  });
}
