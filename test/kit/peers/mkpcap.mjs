// mkpcap.mjs IN.wav(8 kHz mono s16) OUT.pcap: G.711 mu-law RTP, 20 ms, for sipp's play_pcap_audio
import { readFileSync, writeFileSync } from 'node:fs';

const [input, output] = process.argv.slice(2);
const wav = readFileSync(input);
const pcm = wav.subarray(wav.indexOf('data') + 8);
const ulaw = (s) => {
  const sign = s < 0 ? 0x80 : 0;
  const x = Math.min(Math.abs(s), 32635) + 132;
  const exponent = Math.floor(Math.log2(x)) - 7;
  return ~(sign | (exponent << 4) | ((x >> (exponent + 3)) & 15)) & 255;
};
const out = [Buffer.alloc(24)];
out[0].writeUInt32LE(0xa1b2c3d4, 0);
out[0].writeUInt16LE(2, 4);
out[0].writeUInt16LE(4, 6);
out[0].writeUInt32LE(65535, 16);
out[0].writeUInt32LE(1, 20);
for (let i = 0; (i + 1) * 320 <= pcm.length; i++) {
  const p = Buffer.alloc(16 + 14 + 20 + 8 + 12 + 160),
    ip = 30,
    udp = 50,
    rtp = 58;
  p.writeUInt32LE(Math.floor(i / 50), 0);
  p.writeUInt32LE((i % 50) * 20000, 4);
  p.writeUInt32LE(p.length - 16, 8);
  p.writeUInt32LE(p.length - 16, 12);
  p.writeUInt16BE(0x0800, 28);
  p[ip] = 0x45;
  p.writeUInt16BE(200, ip + 2);
  p[ip + 8] = 64;
  p[ip + 9] = 17;
  p.writeUInt32BE(0x7f000001, ip + 12);
  p.writeUInt32BE(0x7f000001, ip + 16);
  p.writeUInt16BE(6000, udp);
  p.writeUInt16BE(6000, udp + 2);
  p.writeUInt16BE(180, udp + 4);
  p[rtp] = 0x80;
  p[rtp + 1] = i ? 0 : 0x80;
  p.writeUInt16BE(i, rtp + 2);
  p.writeUInt32BE(i * 160, rtp + 4);
  p.writeUInt32BE(0x50454552, rtp + 8);
  for (let j = 0; j < 160; j++) p[rtp + 12 + j] = ulaw(pcm.readInt16LE(i * 320 + j * 2));
  out.push(p);
}
writeFileSync(output, Buffer.concat(out));
