import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'node:test';
import { bindPair, closeSocket, type PortPair, SocketError, SocketName, UdpSocket } from '../../src/rtp/socket.ts';
import { mayWatchPackets, PacketWatch } from '../kit/packets.ts';

const close = ({ rtpFd, rtcpFd }: PortPair): void => {
  closeSocket(rtpFd);
  closeSocket(rtcpFd);
};

for (const host of ['127.24.2.1', '::1']) {
  test(`${host}: an even port and its neighbour, and a datagram there and back`, async () => {
    const pair = bindPair(host);
    assert.equal(pair.port % 2, 0);
    const peer = createSocket(host === '::1' ? 'udp6' : 'udp4').bind(0, host);
    await once(peer, 'listening');
    const socket = new UdpSocket(pair.rtpFd);
    const arrived = once(peer, 'message');
    assert.equal(socket.send(Uint8Array.of(1, 2, 3), 2, new SocketName().set(host, peer.address().port)), true);
    const [bytes, from] = await arrived;
    assert.deepEqual([[...bytes], from.address, from.port], [[1, 2], host, pair.port]);
    const into = new Uint8Array(100);
    assert.equal(socket.receive(into), -1);
    await new Promise<void>((resolve) => peer.send(Uint8Array.of(9), pair.port, host, () => resolve()));
    assert.equal(socket.receive(into), 1);
    assert.equal(into[0], 9);
    assert.equal(socket.source.same(new SocketName().set(host, peer.address().port)), true);
    peer.close();
    close(pair);
  });
}

test('a range is used up pair by pair, then says so', () => {
  const range = { from: 41001, to: 41005 };
  const pairs = [bindPair('127.24.2.2', range), bindPair('127.24.2.2', range)];
  assert.deepEqual(pairs.map((pair) => pair.port).sort(), [41002, 41004]);
  assert.throws(
    () => bindPair('127.24.2.2', range),
    (error) => error instanceof SocketError && error.code === 'eaddrinuse' && error.message.includes('41001..41005'),
  );
  for (const pair of pairs) close(pair);
  close(bindPair('127.24.2.2', range));
});

test('an address of another machine is an error with the name the system gives it', () => {
  assert.throws(() => bindPair('192.0.2.1'), { code: 'eaddrnotavail' });
  assert.throws(() => bindPair('localhost'), { code: 'einval' });
});

for (const [text, host] of [
  ['10.1.2.3', '10.1.2.3'],
  ['2001:db8::8:1', '2001:db8:0:0:0:0:8:1'],
  ['::', '0:0:0:0:0:0:0:0'],
  ['::ffff:1.2.3.4', '0:0:0:0:0:ffff:102:304'],
  ['fe80::1%lo', 'fe80:0:0:0:0:0:0:1'],
] as const)
  test(`${text} is read as ${host}`, () => assert.equal(new SocketName().set(text, 5).host, host));

for (const [dscp, name] of [
  [undefined, 'EF where nothing else is asked for'],
  [34, 'AF41 as asked for'],
] as const)
  test(`what is sent is marked: ${name}`, { skip: !mayWatchPackets && 'only root sees packets pass' }, async (t) => {
    const pair = bindPair('127.24.2.3', undefined, dscp);
    const watch = new PacketWatch();
    t.after(() => {
      watch.close();
      close(pair);
    });
    for (const fd of [pair.rtpFd, pair.rtcpFd]) {
      new UdpSocket(fd).send(Uint8Array.of(1), 1, new SocketName().set('127.24.2.4', 9));
      const seen = await watch.next('the datagram', 3000, ({ from }) => from === '127.24.2.3');
      assert.equal(seen.dscp, dscp ?? 46);
    }
  });
