/** Pages by multicast from and to programs of others, all on loopback: Asterisk's three kinds, and ffmpeg both ways. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { asterisk, leavePeers, mediaFile, peerEnvironment } from '../kit/peers.ts';
import { net, startTerminal, type TerminalProcess, type Tree } from '../kit/terminal.ts';
import { judge, readWav } from '../kit/wav.ts';

test.after(() => leavePeers('asterisk'));

async function listener(t: TestContext, more: Tree, config: Tree = {}): Promise<TerminalProcess> {
  const env = await peerEnvironment();
  const listen = `${env.PEERS_MCAST_GROUP}:${env.PEERS_MCAST_PORT}`;
  return startTerminal(t, {
    config: {
      device: { profile: 'simulated', sound: { driver: 'file', speaker: './heard.wav' } },
      multicast: [{ listen, interface: 'lo', ...more }],
      audio: { volume: 100 },
      ...config,
    },
  });
}

/** What the loudspeaker has played of the announcement, when the page is over. */
async function heardBy(terminal: TerminalProcess) {
  await terminal.event({ type: 'page', state: 'connected' }, 8_000);
  const ended = await terminal.event({ type: 'page', state: 'ended' }, 20_000);
  await terminal.stop();
  const verdict = judge(readWav(join(terminal.directory, 'heard.wav')), readWav(await mediaFile('short.wav')));
  // On a busy machine Asterisk stands still now and then and sends late for good: the rest is played later, and matches less.
  assert.ok(verdict.match > 0.6, `it is the announcement: ${JSON.stringify(verdict)}`);
  assert.ok(verdict.gapMs <= 60, `without a gap: ${JSON.stringify(verdict)}`);
  return ended;
}

for (const [extension, what, more, end] of [
  ['750', 'plain RTP, µ-law', {}, /^nothing came any more/],
  ['751', 'announced and ended as Linksys telephones want it', { format: 'linksys' }, /^its sender ended it/],
  ['752', 'plain RTP, G.722', {}, /^nothing came any more/],
] as const)
  test(`Asterisk pages: ${what}`, async (t) => {
    const pbx = await asterisk();
    const terminal = await listener(t, { ...more, from: `${net}.10` });
    await pbx.originate(`Local/${extension}@intercom`, 'short');
    const ended = await heardBy(terminal);
    assert.match(`${ended.reason}`, end);
    assert.match(`${ended.peer}`, new RegExp(`^${net.replaceAll('.', '\\.')}\\.10 to 239`));
  });

test('ffmpeg pages', async (t) => {
  const env = await peerEnvironment();
  const terminal = await listener(t, {});
  const url = `rtp://${env.PEERS_MCAST_GROUP}:${env.PEERS_MCAST_PORT}?ttl=1&localaddr=127.0.0.1&pkt_size=332`;
  const input = ['-re', '-i', await mediaFile('short.wav')];
  const ffmpeg = spawn('ffmpeg', ['-v', 'error', ...input, '-c:a', 'pcm_alaw', '-ar', '8000', '-f', 'rtp', url]);
  t.after(() => void ffmpeg.kill());
  await heardBy(terminal);
});

test('ffmpeg hears our page', async (t) => {
  const env = await peerEnvironment();
  const group = `${env.PEERS_MCAST_GROUP}:${env.PEERS_MCAST_PORT}`;
  const terminal = await startTerminal(t, {
    config: { zones: { all: { send: group, interface: 'lo', codec: 'pcmu' } } },
  });
  const heard = join(terminal.directory, 'ours.wav');
  const input = ['-t', '3', '-i', `rtp://${group}?localaddr=127.0.0.1`];
  const ffmpeg = spawn('ffmpeg', ['-v', 'error', '-y', ...input, '-ar', '8000', '-ac', '1', heard]);
  t.after(() => void ffmpeg.kill());
  await terminal.command('page', { zone: 'all', file: await mediaFile('short.wav') });
  await once(ffmpeg, 'exit');
  await terminal.event({ type: 'page', state: 'ended' }, 20_000);
  const verdict = judge(readWav(heard), readWav(await mediaFile('short.wav')));
  assert.ok(verdict.match > 0.9, JSON.stringify(verdict));
  assert.ok(verdict.gapMs <= 60, JSON.stringify(verdict));
});
