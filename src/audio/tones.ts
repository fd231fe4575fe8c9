/** The sounds the box makes by itself: those of telephones as the country has them, and its own. */
import { COUNTRY_TONES, type Country, type CountryTones } from './tones-of-countries.ts';

export type ToneName = 'ringback' | 'busy' | 'warning' | 'chime' | 'error';

interface Segment {
  /** Empty: silence. */
  frequenciesHz: readonly number[];
  /** Of the frequencies beside the first; absent: as loud as it, all together at the level. */
  partials?: number;
  /** Swells and fades so often a second. */
  tremoloHz?: number;
  durationMs: number;
  levelDbfs: number;
  /** The level falls by half in this time, as a struck bar does. */
  decayHalfMs?: number;
}

interface Pattern {
  segments: readonly Segment[];
  /** Goes on until stopped. */
  loops: boolean;
}

const beep = (hz: number, durationMs: number, levelDbfs: number): Segment => ({
  frequenciesHz: [hz],
  durationMs,
  levelDbfs,
});
const pause = (durationMs: number): Segment => ({ frequenciesHz: [], durationMs, levelDbfs: 0 });
const bar = (hz: number, durationMs: number): Segment => ({
  // A fundamental and a weaker partial an octave and a fifth up make it a gong and not a beep.
  frequenciesHz: [hz, hz * 3],
  partials: 0.3,
  durationMs,
  levelDbfs: -9,
  decayHalfMs: 280,
});

/** The same everywhere. */
const OWN = {
  /** Three short ones at 1400 Hz: what follows is recorded, limited or about to end. */
  warning: {
    segments: [beep(1400, 120, -14), pause(80), beep(1400, 120, -14), pause(80), beep(1400, 120, -14)],
    loops: false,
  },
  /** Before a page: two falling notes, a major third apart. */
  chime: { segments: [bar(660, 500), bar(528, 900)], loops: false },
  /** The special information tone: 950, 1400, 1800 Hz. */
  error: { segments: [beep(950, 330, -14), beep(1400, 330, -14), beep(1800, 330, -14)], loops: false },
} satisfies Partial<Record<ToneName, Pattern>>;

function patternOf(name: ToneName, country: Country): Pattern {
  const tones: CountryTones = COUNTRY_TONES[country];
  if (name === 'chime' || name === 'error') return OWN[name];
  if (name === 'warning') return tones.warning ? { segments: cadence(tones.warning, -14), loops: false } : OWN.warning;
  return { segments: cadence(tones[name], -16), loops: true };
}

/** Reads `440+480/2000 0/4000`. */
function cadence(text: string, levelDbfs: number): Segment[] {
  return text.split(' ').map((word) => {
    const [sound, ms] = word.split('/');
    if (sound === '0') return pause(Number(ms));
    const [frequencies, tremolo] = sound.split('*');
    const frequenciesHz = frequencies.split('+').map(Number);
    return { frequenciesHz, durationMs: Number(ms), levelDbfs, ...(tremolo && { tremoloHz: Number(tremolo) }) };
  });
}

/** Rise and fall of each segment, so that it does not click. */
const EDGE_MS = 5;

/** One sounding tone, written frame by frame. Mono. */
export class Tone {
  readonly #pattern: Pattern;
  readonly #rateHz: number;
  readonly #edgeSamples: number;
  #segment = 0;
  #position = 0;
  #ended = false;

  constructor(name: ToneName, rateHz: number, country: Country = 'europe') {
    this.#pattern = patternOf(name, country);
    this.#rateHz = rateHz;
    this.#edgeSamples = Math.round((rateHz * EDGE_MS) / 1000);
  }

  /** Only of tones that end by themselves. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Writes `count` samples to `into` at `at`; after the end they are 0. */
  fill(into: Int16Array, at: number, count: number): void {
    for (let i = 0; i < count; i++) into[at + i] = this.#ended ? 0 : this.#next();
  }

  #next(): number {
    const segment = this.#pattern.segments[this.#segment];
    const length = Math.round((segment.durationMs * this.#rateHz) / 1000);
    const sample = this.#sample(segment, length);
    if (++this.#position >= length) {
      this.#position = 0;
      if (++this.#segment === this.#pattern.segments.length) {
        this.#segment = 0;
        this.#ended = !this.#pattern.loops;
      }
    }
    return sample;
  }

  #sample(segment: Segment, length: number): number {
    const { frequenciesHz, levelDbfs, decayHalfMs, partials, tremoloHz } = segment;
    if (frequenciesHz.length === 0) return 0;
    let sum = 0;
    let weight = partials === undefined ? 1 / frequenciesHz.length : 1;
    for (const hz of frequenciesHz) {
      sum += weight * Math.sin((2 * Math.PI * hz * this.#position) / this.#rateHz);
      weight *= partials ?? 1;
    }
    if (tremoloHz !== undefined) sum *= (1 - Math.cos((2 * Math.PI * tremoloHz * this.#position) / this.#rateHz)) / 2;
    let gain = 32768 * 10 ** (levelDbfs / 20);
    if (decayHalfMs !== undefined) gain *= 0.5 ** ((this.#position * 1000) / this.#rateHz / decayHalfMs);
    const edge = Math.min(this.#position, length - this.#position) / this.#edgeSamples;
    if (edge < 1) gain *= edge;
    return Math.round(gain * sum);
  }
}
