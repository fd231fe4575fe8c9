/**
 * The jitter buffer beside that of baresip 1.1 (libre's `jbuf` and librem's `aubuf`, by `baresip-buffer.c`), on the same traces
 * in virtual time: random and bursty loss times several kinds of jitter, a minute of 20 ms packets each.
 *
 * For each: the share of the sound that was missing (lost on the way, too late, or cut) or made up; the mean delay that the
 * buffer adds, and its 95th percentile; and what both cost of the R of the E-model (ITU-T G.107, `impairment` of `rtp/delay.ts`).
 * baresip has no concealment for G.711, but gets the price of loss that holds with it: what is compared is the buffers.
 * Beside baresip as shipped stand the one setting of some forty that is best over all traces, and for each trace the one that is
 * best for it, which nobody can know before. The ratio is of the costs. `FULL=1` prints every trace, otherwise one line a kind.
 *
 * Then espeak-ng speech goes through some of the traces, and is judged by STOI (`kit/speech-score.py`): with our concealment, with
 * none, and as baresip plays it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseWav, Resampler } from '../../src/audio/index.ts';
import { impairment } from '../../src/rtp/delay.ts';
import { voice } from '../audio/kit.ts';
import { checkout, temporaryDirectory } from '../kit/checkout.ts';
import { peerEnvironment } from '../kit/peers.ts';
import { type Jitter, type Loss, type TracePacket, trace } from '../kit/traces.ts';
import { CALL, listen } from '../media/virtual.ts';
import { bench } from './figures.ts';

const SAID =
  'Attention please. This is a page from the control room. The east gate will close in five minutes. Please make your way to ' +
  'the exit. If you need help press the button again, and stay where you are. Somebody will talk to you in a moment. The lift ' +
  'is out of order today; the stairs are on the left behind the ticket office. Seven children, two women and a man were ' +
  'waiting at the northern platform when the last train left.';
const PACKETS = 3000;
const PACKET_MS = 20;
/** Those who were sent last are not counted: they may still be on their way. */
const LAST = 25;
const UNTIL_MS = PACKETS * PACKET_MS + 1000;

interface Outcome {
  delayMs: number;
  p95Ms: number;
  /** Percent. */
  bad: number;
  cost: number;
}

interface Setting {
  name: string;
  /** As `baresip-buffer.c` reads them. */
  numbers: number[];
}

const speech = voice(8 * PACKETS * PACKET_MS);
const losses: Loss[] = [
  { percent: 0, bursty: false },
  ...[1, 5, 10, 20].flatMap((percent) => [
    { percent, bursty: false },
    { percent, bursty: true },
  ]),
];
const jitters: Jitter[] = [
  { kind: 'uniform', ms: 0 },
  ...[10, 20, 40, 80, 120].map((ms): Jitter => ({ kind: 'uniform', ms })),
  ...[10, 20, 40, 80, 120].map((ms): Jitter => ({ kind: 'queue', ms })),
  ...[40, 80, 120].map((ms): Jitter => ({ kind: 'bursts', ms })),
  { kind: 'steps', ms: 40 },
  { kind: 'steps', ms: 120 },
];

const shipped: Setting = { name: 'fixed 5-10', numbers: [0, 5, 10, 0, 20, 160] };
const settings: Setting[] = [
  shipped,
  ...[20, 60, 100, 140].flatMap((audioMs) => [
    { name: `off, audio ${audioMs}`, numbers: [2, 0, 0, 0, audioMs, Math.max(160, 2 * audioMs)] },
    ...[0, 1, 2, 3, 4, 5].map((min) => ({
      name: `fixed ${min}-20, audio ${audioMs}`,
      numbers: [0, min, 20, 0, audioMs, Math.max(160, 2 * audioMs)],
    })),
    ...[1, 2, 3, 5].map((min) => ({
      name: `adaptive ${min}-20, audio ${audioMs}`,
      numbers: [1, min, 20, min + 1, audioMs, Math.max(160, 2 * audioMs)],
    })),
  ]),
];

interface Piece {
  sequence: number;
  delayMs: number;
  /** How much of it was played. */
  playedMs: number;
  /** Of what was played before it, since the piece before: made up, or silence. */
  madeUpMs: number;
}

/**
 * Between each two packets that are played, sound is missing, or some that was never sent is heard, or both: where a hole is
 * filled it counts once.
 */
function outcome(pieces: readonly Piece[]): Outcome {
  let badMs = 0;
  let last = -1;
  const delaysMs: number[] = [];
  for (const { sequence, delayMs, playedMs, madeUpMs } of pieces) {
    const missingMs = (sequence - last - 1) * PACKET_MS;
    badMs += Math.max(missingMs, last < 0 ? 0 : madeUpMs) + PACKET_MS - playedMs;
    last = sequence;
    delaysMs.push(delayMs);
  }
  badMs += (PACKETS - LAST - 1 - last) * PACKET_MS;
  const delayMs = delaysMs.reduce((sum, ms) => sum + ms, 0) / delaysMs.length;
  const p95Ms = delaysMs.sort((a, b) => a - b)[Math.floor(delaysMs.length * 0.95)];
  const bad = badMs / ((PACKETS - LAST) * PACKET_MS);
  return { delayMs, p95Ms, bad: bad * 100, cost: impairment(delayMs, bad) };
}

function ours(packets: readonly TracePacket[], leastMs: number): Outcome {
  const { packets: heard } = listen(packets, { mode: CALL, untilMs: UNTIL_MS, speech });
  let before = 0;
  const pieces = heard.map(({ sequence, atMs, madeUpMs }) => {
    const piece = {
      sequence,
      delayMs: atMs - sequence * PACKET_MS - leastMs,
      playedMs: PACKET_MS,
      madeUpMs: madeUpMs - before,
    };
    before = madeUpMs;
    return piece;
  });
  return outcome(pieces.filter(({ sequence }) => sequence < PACKETS - LAST));
}

/** For each setting. */
function baresips(program: readonly string[], packets: readonly TracePacket[]): Played[] {
  const arriving = packets.filter(({ arrivalMs }) => arrivalMs < Number.POSITIVE_INFINITY);
  arriving.sort((a, b) => a.arrivalMs - b.arrivalMs);
  const input = Buffer.alloc(4 + arriving.length * 16 + 4 + settings.length * 24 + 8);
  let at = input.writeInt32LE(arriving.length);
  // The struct is padded to 16 octets.
  for (const { arrivalMs, sequence } of arriving)
    at = 4 + input.writeInt32LE(sequence, input.writeDoubleLE(arrivalMs, at));
  at = input.writeInt32LE(settings.length, at);
  for (const { numbers } of settings) for (const number of numbers) at = input.writeInt32LE(number, at);
  input.writeDoubleLE(UNTIL_MS, at);
  const [command, ...args] = program;
  const { stdout, status, signal, stderr, error } = spawnSync(command, args, {
    input,
    maxBuffer: 1 << 30,
  });
  if (status !== 0) throw new Error(`baresip-buffer: ${status ?? signal} ${stderr}`, { cause: error });
  const all: Played[] = [];
  for (let offset = 0; offset < stdout.length; ) {
    const samples = stdout.readInt32LE(offset);
    all.push({ tags: stdout, offset: offset + 4, samples });
    offset += 4 + 2 * samples;
  }
  return all;
}

/** Tags of samples at 8 kHz, from `offset` on. */
interface Played {
  tags: Buffer;
  offset: number;
  samples: number;
}

/** What was said in `speech`, where it was heard. */
function soundOf({ tags, offset, samples }: Played, speech: Int16Array): Int16Array {
  const sound = new Int16Array(samples);
  let at = 0;
  for (let i = 0, last = 0; i < samples; i++) {
    const tag = tags.readInt16LE(offset + 2 * i);
    at = tag === last ? at + 1 : 0;
    last = tag;
    if (tag > 0) sound[i] = speech[((tag - 1) * 8 * PACKET_MS + at) % speech.length];
  }
  return sound;
}

function judged({ tags, offset, samples }: Played, leastMs: number): Outcome {
  const pieces: Piece[] = [];
  let silentMs = 0;
  for (let i = 0; i < samples; i++) {
    const tag = tags.readInt16LE(offset + 2 * i);
    const last = pieces.at(-1);
    if (tag > PACKETS - LAST) break;
    if (tag === 0) silentMs += 1 / 8;
    else if (tag - 1 === last?.sequence) last.playedMs += 1 / 8;
    else {
      const delayMs = i / 8 - (tag - 1) * PACKET_MS - leastMs;
      pieces.push({ sequence: tag - 1, delayMs, playedMs: 1 / 8, madeUpMs: silentMs });
      silentMs = 0;
    }
  }
  return outcome(pieces);
}

/** The program and what it is to be run with; undefined where the kit has no baresip. */
async function build(directory: string): Promise<string[] | undefined> {
  const root = join((await peerEnvironment()).PEERS_STATE, 'root');
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
  if (!existsSync(join(libraries, 'librem.so.1'))) return undefined;
  const program = join(directory, 'baresip-buffer');
  const gcc = spawnSync('gcc', [
    ...['-O2', '-rdynamic', '-o', program, join(checkout, 'test/bench/baresip-buffer.c')],
    ...['-Wl,--allow-shlib-undefined', `-L${libraries}`, '-l:librem.so.1', '-l:libre.so.1'],
  ]);
  if (gcc.status !== 0) throw new Error(`gcc: ${gcc.stderr}`);
  const loader = readdirSync(libraries).find((name) => /^ld-linux.*\.so\./.test(name));
  return [join(libraries, loader!), '--library-path', libraries, program];
}

const nameOf = ({ percent, bursty }: Loss, { kind, ms }: Jitter): string =>
  `${kind} ${ms} ms, ${percent} %${bursty ? ' bursty' : ''}`;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const told = ({ bad, delayMs, p95Ms, cost }: Outcome): string =>
  `${bad.toFixed(2).padStart(5)} % ${delayMs.toFixed(0).padStart(3)} ms (p95 ${p95Ms.toFixed(0).padStart(3)}) -${cost.toFixed(1).padStart(4)}`;
const average = (outcomes: readonly Outcome[]): Outcome => ({
  bad: mean(outcomes.map(({ bad }) => bad)),
  delayMs: mean(outcomes.map(({ delayMs }) => delayMs)),
  p95Ms: mean(outcomes.map(({ p95Ms }) => p95Ms)),
  cost: mean(outcomes.map(({ cost }) => cost)),
});

const spoken: (readonly [Loss, Jitter])[] = [
  [
    { percent: 0, bursty: false },
    { kind: 'uniform', ms: 10 },
  ],
  [
    { percent: 1, bursty: false },
    { kind: 'uniform', ms: 20 },
  ],
  [
    { percent: 5, bursty: false },
    { kind: 'uniform', ms: 20 },
  ],
  [
    { percent: 10, bursty: false },
    { kind: 'uniform', ms: 20 },
  ],
  [
    { percent: 20, bursty: false },
    { kind: 'uniform', ms: 20 },
  ],
  [
    { percent: 5, bursty: true },
    { kind: 'uniform', ms: 20 },
  ],
  [
    { percent: 10, bursty: true },
    { kind: 'uniform', ms: 20 },
  ],
  [
    { percent: 20, bursty: true },
    { kind: 'uniform', ms: 20 },
  ],
  [
    { percent: 0, bursty: false },
    { kind: 'uniform', ms: 80 },
  ],
  [
    { percent: 0, bursty: false },
    { kind: 'uniform', ms: 120 },
  ],
  [
    { percent: 0, bursty: false },
    { kind: 'queue', ms: 80 },
  ],
  [
    { percent: 0, bursty: false },
    { kind: 'bursts', ms: 120 },
  ],
  [
    { percent: 0, bursty: false },
    { kind: 'steps', ms: 120 },
  ],
  [
    { percent: 5, bursty: false },
    { kind: 'queue', ms: 80 },
  ],
];

/** `others`: as baresip plays a trace, as shipped and tuned. */
function judgeSpeech(directory: string, others: (packets: readonly TracePacket[]) => Played[]): void {
  const wav = join(directory, 'speech.wav');
  if (spawnSync('espeak-ng', ['-v', 'en-us', '-s', '150', '-w', wav, SAID]).status !== 0) {
    console.log('no espeak-ng (apt-get install espeak-ng): nothing is spoken');
    return;
  }
  const { rateHz, samples } = parseWav(readFileSync(wav));
  const said = new Int16Array(8 * PACKETS * PACKET_MS);
  const once = new Int16Array(Math.ceil((samples.length * 8000) / rateHz) + 10);
  const count = new Resampler(rateHz, 8000).process(samples, 0, samples.length, once, 0);
  for (let at = 0; at < said.length; at += count) said.set(once.subarray(0, Math.min(count, said.length - at)), at);
  const write = (name: string, sound: Int16Array): string => {
    const file = join(directory, name);
    writeFileSync(file, sound);
    return file;
  };
  const reference = write('reference', said);
  console.log('STOI: ours, ours with holes, baresip as shipped, baresip tuned');
  for (const [i, [loss, jitter]] of spoken.entries()) {
    const packets = trace(PACKETS, loss, jitter, 7000 + i, PACKET_MS, 4.5);
    const heard = (concealing: boolean): Int16Array => {
      const sound = new Int16Array(8 * UNTIL_MS);
      listen(packets, {
        ...{ mode: CALL, untilMs: UNTIL_MS, speech: said, rateHz: 8000, concealing },
        played: (frame, atMs) => sound.set(frame, 8 * atMs),
      });
      return sound;
    };
    const files = [
      write('ours', heard(true)),
      write('holes', heard(false)),
      ...others(packets).map((played, k) => write(`baresip-${k}`, soundOf(played, said))),
    ];
    const { stdout, status } = spawnSync('python3', [
      ...[join(checkout, 'test/kit/speech-score.py'), '8000', reference, ...files],
    ]);
    if (status !== 0) {
      console.log('no numpy and scipy (apt-get install python3-scipy): nothing is judged');
      return;
    }
    const name = nameOf(loss, jitter);
    console.log(
      `${name.padEnd(30)} ${String(stdout)
        .trim()
        .split('\n')
        .map((score) => Number(score).toFixed(3))
        .join('  ')}`,
    );
  }
}

await bench(async (cleaner) => {
  const { path, remove } = temporaryDirectory();
  cleaner.after(remove);
  const program = await build(path);
  if (program === undefined) console.log('the kit has no baresip (test/kit/peers/peers install baresip): left out');
  const rows = jitters.flatMap((jitter, j) =>
    losses.map((loss, l) => {
      // Wherever the clock of the sound card stands against the packets.
      const leastMs = ((7 * l + 3 * j) % 20) + 0.5;
      const packets = trace(PACKETS, loss, jitter, 100 * j + l + 1, PACKET_MS, leastMs);
      return {
        name: nameOf(loss, jitter),
        jitter,
        own: ours(packets, leastMs),
        others: program === undefined ? [] : baresips(program, packets).map((played) => judged(played, leastMs)),
      };
    }),
  );
  const best = settings
    .map((_, i) => i)
    .reduce(
      (a, b) =>
        mean(rows.map(({ others }) => others[a]?.cost ?? 0)) <= mean(rows.map(({ others }) => others[b]?.cost ?? 0))
          ? a
          : b,
      0,
    );
  console.log(`best setting over all: ${settings[best].name}`);
  const line = (name: string, own: Outcome, others: readonly Outcome[]): void => {
    const ratios = others.map(({ cost }) => `${told(others[0]) && (cost / own.cost).toFixed(2)}`);
    console.log(
      `${name.padEnd(30)} ${told(own)} | ${others.map((other, i) => `${told(other)} x${ratios[i]}`).join(' | ')}`,
    );
  };
  const columns = (row: (typeof rows)[number]): Outcome[] =>
    row.others.length === 0
      ? []
      : [row.others[0], row.others[best], row.others.reduce((a, b) => (a.cost <= b.cost ? a : b))];
  const lost = [0, 0, 0];
  for (const row of rows) {
    const others = columns(row);
    others.forEach(({ cost }, i) => void (lost[i] += cost < row.own.cost ? 1 : 0));
    const beaten = others.every(({ cost }) => row.own.cost <= cost);
    if (process.env.FULL || !beaten) line(`${beaten ? '' : '! '}${row.name}`, row.own, others);
  }
  for (const jitter of jitters) {
    const of = rows.filter((row) => row.jitter === jitter);
    const groups = of.map(columns);
    line(
      `${jitter.kind} ${jitter.ms} ms`,
      average(of.map(({ own }) => own)),
      groups[0].map((_, i) => average(groups.map((g) => g[i]))),
    );
  }
  if (program !== undefined) judgeSpeech(path, (packets) => [0, best].map((i) => baresips(program, packets)[i]));
  console.log(
    `of ${rows.length} traces baresip is better as shipped on ${lost[0]}, with the best setting on ${lost[1]}, the best for each on ${lost[2]}`,
  );
});
