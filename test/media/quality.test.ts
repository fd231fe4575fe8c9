/** What two ends tell each other of their sound, and on which port. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { parseRtcp } from '../../src/rtp/index.ts';
import { Inbox } from '../kit/wait.ts';
import { streamConfig, Terminal } from './pair.ts';

const LIMIT_MS = 8000;

for (const [sentence, muxed] of [
  ['reports come on the port beside', false],
  ['reports come on the port of RTP', true],
] as const)
  test(sentence, async (t) => {
    const peer = { rtp: createSocket('udp4'), rtcp: createSocket('udp4') };
    const reports = new Inbox<{ port: string; blocks: number; voip: boolean }>();
    for (const [port, socket] of Object.entries(peer)) {
      socket.bind(0, '127.40.9.5');
      await once(socket, 'listening');
      socket.on('message', (bytes) => {
        const report = bytes[1] >= 200 && bytes[1] <= 207 ? parseRtcp(bytes) : undefined;
        if (report) reports.put({ port, blocks: report.blocks.length, voip: report.voip !== undefined });
      });
    }
    const us = new Terminal({ driver: 'none' }, '127.40.9.4');
    t.after(async () => {
      for (const socket of Object.values(peer)) socket.close();
      await us.end();
    });
    const { port } = peer.rtp.address();
    const remoteRtcp = { host: '127.40.9.5', port: peer.rtcp.address().port };
    us.talk({ host: '127.40.9.5', port }, 'sendrecv', { muxed, remoteRtcp, extendedReports: true });
    await once(peer.rtp, 'message');
    const heard = new Uint8Array(172);
    heard.set([0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    for (let i = 0; i < 8; i++) {
      heard[3] = i;
      heard[6] = (i * 160) >> 8;
      heard[7] = i * 160;
      peer.rtp.send(heard, us.stream.local.port, us.stream.local.host);
    }
    const told = await reports.take('a report with what was heard', LIMIT_MS, ({ blocks }) => blocks > 0);
    assert.deepEqual(told, { port: muxed ? 'rtp' : 'rtcp', blocks: 1, voip: true });
    assert.ok(reports.items.every((report) => report.port === told.port));
  });

test('a call has a score on both sides, and the event of its end says what came', async (t) => {
  const [a, b] = ['127.40.9.6', '127.40.9.7'].map((host) => new Terminal({ driver: 'none' }, host));
  t.after(() => Promise.all([a.engine.stop(), b.engine.stop()]));
  const stream = a.engine.open('127.40.9.6', 'call-1.2');
  stream.configure(streamConfig(b.stream.local, 'sendrecv', { muxed: true, extendedReports: true }));
  b.talk(stream.local, 'sendrecv', { muxed: true, extendedReports: true });
  await b.events.take('what the other side says', LIMIT_MS, (event) => {
    return event.type === 'statistics' && (event.statistics.remoteScore ?? 0) > 3.5 && event.statistics.score! > 3.5;
  });
  stream.close();
  const last = await a.events.take('the last figures', LIMIT_MS, (event) => event.type === 'statistics' && event.final);
  assert.ok(last.type === 'statistics' && last.call === 'call-1.2' && last.statistics.packetsReceived > 100);
});
