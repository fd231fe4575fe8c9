/** Prints the figures of `src/audio/README.md`: `node build/test/audio/figures.js`. */
import {
  ComfortNoise,
  Concealer,
  DtmfDetector,
  Mixer,
  makeDecoder,
  makeEncoder,
  missingOpus,
  Resampler,
  SteeredResampler,
  TimeScale,
  Tone,
} from '../../src/audio/index.ts';
import { SeededRandom } from '../sdp/kit.ts';
import { amplitude, decibels, segmentalSnr, sine, spectralDistance, voice } from './kit.ts';

function gain(fromHz: number, toHz: number, hz: number, heardHz = hz): number {
  const input = sine(hz, fromHz, fromHz / 2);
  const output = new Int16Array(toHz / 2 + 10);
  const written = new Resampler(fromHz, toHz).process(input, 0, input.length, output, 0);
  return decibels(amplitude(output, heardHz, toHz, toHz / 20, written) / 10_000);
}

/** µs per call, the median of 50 rounds. */
function cost(run: () => void): string {
  const rounds: number[] = [];
  for (let round = 0; round < 60; round++) {
    const start = performance.now();
    for (let i = 0; i < 200; i++) run();
    if (round >= 10) rounds.push((performance.now() - start) * 5);
  }
  return `${rounds.sort((a, b) => a - b)[25].toFixed(1)} µs`;
}

console.log('resampler: ripple to 0.85 of the band, worst alias or image, -3 dB, delay, cost per 10 ms');
for (const [fromHz, toHz] of [
  [8000, 16_000],
  [16_000, 8000],
  [16_000, 48_000],
  [48_000, 16_000],
] as const) {
  const low = Math.min(fromHz, toHz);
  let ripple = 0;
  for (let share = 0.02; share <= 0.851; share += 0.01)
    ripple = Math.max(ripple, Math.abs(gain(fromHz, toHz, Math.round((share * low) / 2))));
  let alias = Number.NEGATIVE_INFINITY;
  for (let share = 0.05; share <= 0.851; share += 0.02) {
    const hz = Math.round((share * low) / 2);
    alias = Math.max(alias, fromHz < toHz ? gain(fromHz, toHz, hz, low - hz) : gain(fromHz, toHz, low - hz, hz));
  }
  let edge = 0.85;
  while (gain(fromHz, toHz, Math.round((edge * low) / 2)) > -3) edge += 0.005;
  const resampler = new Resampler(fromHz, toHz);
  const [input, output] = [sine(1000, fromHz, fromHz / 100), new Int16Array(1000)];
  const delayMs = (resampler.delaySamples * 1000) / toHz;
  const cpu = cost(() => resampler.process(input, 0, input.length, output, 0));
  const edgeHz = Math.round((edge * low) / 2);
  console.log(
    `  ${fromHz} -> ${toHz}: ${ripple.toFixed(2)} dB, ${alias.toFixed(0)} dB, ${edgeHz} Hz, ${delayMs} ms, ${cpu}`,
  );
}

console.log('concealment: signal to error and spectral distance in the lost 20 ms packets of a voice, dB');
const speech = voice(80_000);
for (const percent of [1, 3, 5, 10, 20]) {
  const random = new SeededRandom(percent);
  const lost: number[] = [];
  for (let at = 800; at < speech.length; at += 160) if (random.below(100) < percent) lost.push(at);
  const words = ['zero', 'repeat', 'conceal'].map((how) => {
    const heard = Int16Array.from(speech);
    const concealer = new Concealer(8000);
    for (let at = 0; at < heard.length; at += 160) {
      if (!lost.includes(at)) concealer.good(heard, at, how === 'conceal' ? 160 : 0);
      else if (how === 'conceal') concealer.conceal(heard, at, 160);
      else for (let i = at; i < at + 160; i++) heard[i] = how === 'zero' ? 0 : Math.round(heard[i - 160] * 0.7);
    }
    return `${how} ${segmentalSnr(speech, heard, lost, 160).toFixed(1)} / ${spectralDistance(speech, heard, lost, 160).toFixed(1)}`;
  });
  console.log(`  ${percent} %: ${words.join(', ')}`);
}

console.log('codecs, 20 ms of speech: encoded, decoded, concealed, bytes');
for (const [encoding, rateHz, fec] of [
  ['PCMA', 8000, false],
  ['G722', 16_000, false],
  ['L16', 16_000, false],
  ['OPUS', 16_000, false],
  ['OPUS', 16_000, true],
  ['OPUS', 48_000, true],
] as const) {
  const clockRateHz = encoding === 'OPUS' ? 48_000 : encoding === 'L16' ? 16_000 : 8000;
  const format = { encoding, clockRateHz, channels: 1, ...(fec && { opus: { fec } }) };
  if (encoding === 'OPUS' && missingOpus() !== undefined) continue;
  const [encoder, decoder] = [makeEncoder(format, rateHz, 'sent'), makeDecoder(format, rateHz)];
  const said = new Int16Array((speech.length * rateHz) / 8000 + 10);
  new Resampler(8000, rateHz).process(speech, 0, speech.length, said, 0);
  const count = rateHz / 50;
  const [payload, heard] = [new Uint8Array(1500), new Int16Array(count)];
  let at = 0;
  let sum = 0;
  let packets = 0;
  const encode = (): void => {
    at = (at + count) % (said.length - 2 * count);
    if (fec) encoder.expectLoss(0.1);
    sum += encoder.encode(said, at, count, payload, 0);
    packets++;
  };
  const encoded = cost(encode);
  const length = Math.round(sum / packets);
  const size = encoder.encode(said, at, count, payload, 0);
  const decoded = cost(() => decoder.decode(payload, 0, size, heard, 0));
  const concealed = decoder.concealsMs > 0 ? cost(() => decoder.conceal(heard, 0, count)) : '-';
  const name = `${encoding} at ${rateHz} Hz${fec ? ', FEC for 10 %' : ''}`;
  console.log(`  ${name}: ${encoded}, ${decoded}, ${concealed}, ${length} bytes`);
}

console.log('cost');
const packet = sine(300, 8000, 160);
const frame = new Int16Array(160);
const concealer = new Concealer(8000);
const mixer = new Mixer(16_000, 160);
const tone = new Tone('ringback', 16_000);
const loseOne = (): void => {
  concealer.conceal(frame, 0, 160);
  concealer.good(packet, 0, 160);
};
const mix = (): void => {
  mixer.add(frame, 0, 160, 1);
  mixer.add(frame, 0, 160, 0.5);
  mixer.finish(frame);
};
console.log(`  a lost packet of 20 ms at 8 kHz: ${cost(loseOne)}`);
const scaled = new Int16Array(320);
const scale = new TimeScale(8000, 20);
const stretch = (changeMs: number) => (): void => {
  scaled.set(packet);
  scale.process(scaled, 160, changeMs);
};
console.log(
  `  20 ms at 8 kHz made longer: ${cost(stretch(15))}, shorter: ${cost(stretch(-15))}, as it is: ${cost(stretch(0))}`,
);
for (const [fromHz, toHz] of [
  [8000, 16_000],
  [16_000, 16_000],
  [8000, 48_000],
  [16_000, 48_000],
  [48_000, 48_000],
] as const) {
  const steered = new SteeredResampler(fromHz, toHz);
  steered.steer(123);
  const [input, output] = [sine(300, fromHz, fromHz / 100), new Int16Array(1000)];
  console.log(
    `  ${fromHz} -> ${toHz} Hz, steered, 10 ms: ${cost(() => steered.process(input, 0, input.length, output, 0))}`,
  );
}
console.log(`  mix two sources and limit, 10 ms at 16 kHz: ${cost(mix)}`);
const comfort = new ComfortNoise(8000, true);
comfort.describe(Uint8Array.of(50, 60, 150, 127, 127, 127, 127, 127, 127), 0, 9);
const detector = new DtmfDetector(16_000);
console.log(`  comfort noise of order 8, 20 ms: ${cost(() => comfort.fill(frame, 0, 160))}`);
console.log(`  tones of digits looked for, 10 ms at 16 kHz: ${cost(() => void detector.process(frame))}`);
console.log(`  a tone, 10 ms at 16 kHz: ${cost(() => tone.fill(frame, 0, 160))}`);
