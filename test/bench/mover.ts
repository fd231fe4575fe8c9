/**
 * The least that a Node can do in a call, for `call-cost`: `mover.js CARD PERIOD_MS` hands what the microphone gives to the
 * loudspeaker, and every 20 ms takes what a socket has and sends a packet of G.711's size. No codec, no buffer, nothing else.
 */
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { loadAlsa, openPcm } from '../../src/io/soundcard/index.ts';
import { becomeRealTime } from '../../src/media/real-time.ts';
import { bindPair, SocketName, UdpSocket } from '../../src/rtp/socket.ts';

const HOST = '127.44.2.52';
const PACKET_MS = 20;
const PACKET_BYTES = 172;
/** As the media thread looks at a card that cannot wait. */
const AHEAD_MS = 0.125;
const AGAIN_MS = 0.75;

setFlagsFromString('--interrupt-budget=16896');
becomeRealTime();
const [card, period] = process.argv.slice(2);
const periodMs = Number(period);
const alsa = loadAlsa();
const microphone = await openPcm('microphone', card, periodMs);
const speaker = await openPcm('speaker', card, periodMs);
const frames = (microphone.rateHz * periodMs) / 1000;
const sound = new Uint8Array(frames * microphone.channels * 4);
const socket = new UdpSocket(bindPair(HOST).rtpFd);
const nobody = new SocketName().set(HOST, 9);
const datagram = new Uint8Array(2048);
const never = new Int32Array(new SharedArrayBuffer(4));

function play(): void {
  const result = Number(alsa.write(speaker.pcm, sound, frames));
  if (result >= 0) return;
  alsa.recover(speaker.pcm, result, 1);
  for (let i = 0; i < 2; i++) alsa.write(speaker.pcm, sound, frames);
}

for (let i = 0; i < 2; i++) play();
alsa.start(microphone.pcm);
let dueAt = 0;
for (let movedMs = 0; ; ) {
  const dueInMs = dueAt - performance.now();
  if (dueInMs > 0) Atomics.wait(never, 0, 0, dueInMs);
  const found = Number(alsa.avail(microphone.pcm));
  const now = performance.now();
  if (found < frames) {
    if (found < 0) {
      alsa.recover(microphone.pcm, found, 1);
      alsa.start(microphone.pcm);
    }
    dueAt = now + AGAIN_MS;
    continue;
  }
  dueAt = found < 2 * frames ? now + periodMs - AHEAD_MS : now;
  alsa.read(microphone.pcm, sound, frames);
  play();
  movedMs += periodMs;
  if (movedMs % PACKET_MS > 0) continue;
  while (socket.receive(datagram) >= 0);
  socket.send(datagram, PACKET_BYTES, nobody);
}
