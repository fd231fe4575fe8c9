/**
 * What lies between the microphone and those who listen, and what the noise of the place does to the loudspeaker: rumble off,
 * echo off, noise down, a far voice up, nothing above the ceiling; and while the echo is not mastered, one of the two sides is
 * turned down. Everything at 16 kHz, 10 ms at a time, in place; allocates nothing per frame.
 */
import {
  Agc,
  Ambient,
  Duplex,
  EchoCanceller,
  HighPass,
  Limiter,
  Loudness,
  NoiseSuppressor,
  Resampler,
  rmsDbfs,
} from '../audio/index.ts';
import type { SoundCard } from '../io/soundcard/index.ts';
import { Reference } from './reference.ts';
import type { HandsfreeConfig, HandsfreeStatus } from './types.ts';

const RATE_HZ = 16_000;
const FRAME = RATE_HZ / 100;
/** Below speech: trains, wind, the hum of the mains. */
const RUMBLE_HZ = 90;
/** The place is listened to only when the loudspeaker has been silent for so many frames, and what it said has faded. */
const FADED = 40;
const PLAYS_DBFS = -50;
/** How much quieter steady noise becomes. */
const NOISE_DB = 12;
/** After a break of the card the canceller must show, for so many frames in which the loudspeaker plays, that it still knows the room. */
const DOUBT = 40;
const WORKS_DB = 10;
/** How long the microphone is open when only the noise of the place is asked for, the opening included. */
const SAMPLE_MS = 1500;

export class Handsfree {
  readonly loudness: Loudness;
  readonly #card: SoundCard;
  readonly #reference: Reference;
  readonly #canceller: EchoCanceller | undefined;
  readonly #toChain: Resampler;
  readonly #fromChain: Resampler;
  readonly #rumble = new HighPass(RATE_HZ, RUMBLE_HZ);
  readonly #noise: NoiseSuppressor | undefined;
  readonly #agc: Agc | undefined;
  readonly #ambient = new Ambient();
  readonly #duplex: Duplex | undefined;
  readonly #limiter = new Limiter(RATE_HZ);
  readonly #frame = new Int16Array(FRAME);
  readonly #played: Int16Array;
  readonly #playedFrame = new Int16Array(FRAME);
  readonly #playedToChain: Resampler;
  readonly #voice = new Float32Array(FRAME);
  readonly #works: boolean;
  #faded = FADED;
  #microphoneGain = 1;
  #listening = false;
  #doubted = 0;
  readonly #sampleEveryMs: number;
  #sampleAtMs = 0;
  #sampleUntilMs = 0;

  constructor(config: HandsfreeConfig, card: SoundCard, rateHz: number) {
    this.#card = card;
    this.loudness = new Loudness(config.loudness);
    this.#sampleEveryMs = config.ambientSampleMs;
    // A recording is what was recorded; only air has echo and noise.
    const inAir = card.driver === 'alsa';
    const wants = (choice: 'auto' | 'on' | 'off'): boolean => (choice === 'auto' ? inAir : choice === 'on');
    const echo = config.echo === 'auto' && !inAir ? 'off' : config.echo;
    this.#reference = new Reference(rateHz);
    const noise = wants(config.noiseSuppression);
    // The canceller takes the noise out together with what is left of the echo.
    if (echo === 'auto' || echo === 'canceller')
      this.#canceller = new EchoCanceller(RATE_HZ, { noiseReductionDb: noise ? NOISE_DB : 0 });
    else if (noise) this.#noise = new NoiseSuppressor(RATE_HZ);
    if (echo === 'auto' || echo === 'half-duplex') this.#duplex = new Duplex();
    if (wants(config.agc)) this.#agc = new Agc();
    this.#works = inAir || echo !== 'off' || this.#noise !== undefined || this.#agc !== undefined;
    this.#toChain = new Resampler(rateHz, RATE_HZ);
    this.#fromChain = new Resampler(RATE_HZ, rateHz);
    this.#played = new Int16Array(rateHz / 100);
    this.#playedToChain = new Resampler(rateHz, RATE_HZ);
    card.reference = (frame) => this.#reference.put(frame);
  }

  /** The factor for what the loudspeaker is to play. */
  get volume(): number {
    return this.loudness.gain * (this.#duplex?.speaker ?? 1);
  }

  /**
   * After the card's `write`: the 10 ms that its `read` gave become what is sent. `heard`: what `read` said; `wanted`: somebody
   * is to hear them. Without, only their level is looked at.
   */
  process(microphone: Int16Array, heard: boolean, wanted: boolean): void {
    this.#listening = heard && wanted;
    if (!this.#works && !this.loudness.follows) return;
    this.#align(heard);
    if (!heard) {
      this.#duplex?.rest();
      return;
    }
    this.#toChain.process(microphone, 0, microphone.length, this.#frame, 0);
    this.#playedToChain.process(this.#played, 0, this.#played.length, this.#playedFrame, 0);
    this.#rumble.process(this.#frame);
    const farDbfs = rmsDbfs(this.#playedFrame);
    const rawDbfs = rmsDbfs(this.#frame);
    this.#faded = farDbfs > PLAYS_DBFS ? 0 : Math.min(FADED, this.#faded + 1);
    if (this.#faded === FADED) this.#ambient.update(rawDbfs);
    if (wanted && this.#works) this.#make(microphone, farDbfs, rawDbfs);
    else if (!wanted) microphone.fill(0);
    this.loudness.update(this.#ambient.dbfs);
  }

  /** As it is now; a new object. */
  status(): HandsfreeStatus {
    const canceller = this.#listening ? this.#canceller : undefined;
    const converged = canceller?.converged ?? false;
    const tenth = (value: number): number => Math.round(value * 10) / 10;
    return {
      mode: this.#mode,
      ...(canceller && { converged, erleDb: tenth(canceller.erleDb) }),
      ...(canceller && converged && { delayMs: tenth(canceller.delayMs), driftPpm: tenth(canceller.driftPpm) }),
      ...(this.#duplex && this.#listening && { couplingDb: tenth(this.#duplex.couplingDb) }),
      ...(this.#agc && this.#listening && { agcDb: tenth(this.#agc.gainDb) }),
      ...(!Number.isNaN(this.#ambient.dbfs) && { ambientDbfs: tenth(this.#ambient.dbfs) }),
      volume: tenth(this.loudness.percent),
    };
  }

  /** The canceller does away with the echo. */
  get #mastered(): boolean {
    return this.#doubted === 0 && this.#canceller?.converged === true;
  }

  get #mode(): HandsfreeStatus['mode'] {
    if (!this.#listening) return 'closed';
    if (this.#duplex !== undefined) return this.#mastered || this.#duplex.clear ? 'full-duplex' : 'half-duplex';
    return this.#canceller === undefined ? 'off' : 'full-duplex';
  }

  /** The microphone is open for a moment, for its level alone. */
  get sampling(): boolean {
    return this.#sampleUntilMs > 0;
  }

  /** Whether it is to be, now; `idle`: nobody uses the sound. */
  samples(now: number, idle: boolean): boolean {
    if (!idle || this.#sampleEveryMs === 0) this.#sampleUntilMs = 0;
    else if (this.#sampleUntilMs === 0 && now >= this.#sampleAtMs) {
      this.#sampleAtMs = now + this.#sampleEveryMs;
      this.#sampleUntilMs = now + SAMPLE_MS;
    } else if (now >= this.#sampleUntilMs) this.#sampleUntilMs = 0;
    return this.sampling;
  }

  /** Until the next time; ms. */
  sampleInMs(now: number): number {
    return this.#sampleEveryMs === 0 ? Number.POSITIVE_INFINITY : Math.max(1, this.#sampleAtMs - now);
  }

  #align(heard: boolean): void {
    const alignment = this.#reference.take(this.#played, this.#card.timing, heard);
    if (this.#canceller === undefined || alignment === 'kept') return;
    // The room is still the same one: what it learned stays, and it looks where the echo is now.
    if (alignment === 'moved') this.#canceller.realign(-this.#reference.moved);
    else {
      this.#canceller.realign(0);
      this.#doubted = DOUBT;
    }
  }

  #make(microphone: Int16Array, farDbfs: number, rawDbfs: number): void {
    const frame = this.#frame;
    const voice = this.#voice;
    this.#canceller?.process(frame, this.#playedFrame, frame);
    const leftDbfs = rmsDbfs(frame);
    if (this.#doubted > 0 && farDbfs > PLAYS_DBFS && rawDbfs > PLAYS_DBFS) this.#prove(rawDbfs - leftDbfs);
    this.#noise?.process(frame);
    for (let i = 0; i < FRAME; i++) voice[i] = frame[i];
    const alone = this.#faded === FADED;
    this.#agc?.process(voice, alone && this.#ambient.speech, leftDbfs, this.#ambient.dbfs);
    // By what the microphone heard: what a canceller leaves that still learns is no measure.
    if (this.#duplex !== undefined) this.#duck(this.#duplex, farDbfs, rawDbfs);
    this.#limiter.process(voice, frame, 0);
    this.#fromChain.process(frame, 0, FRAME, microphone, 0);
  }

  /** `awayDb`: what the canceller takes off while the loudspeaker plays. One that works soon shows it, whatever it said before. */
  #prove(awayDb: number): void {
    if (awayDb > WORKS_DB) this.#doubted--;
    else if (this.#doubted < DOUBT) this.#doubted++;
  }

  #duck(duplex: Duplex, farDbfs: number, rawDbfs: number): void {
    duplex.update(farDbfs, rawDbfs, this.#ambient.dbfs, this.#mastered);
    const from = this.#microphoneGain;
    const step = (duplex.microphone - from) / FRAME;
    this.#microphoneGain = duplex.microphone;
    if (step === 0 && from === 1) return;
    for (let i = 0; i < FRAME; i++) this.#voice[i] *= from + step * (i + 1);
  }
}
