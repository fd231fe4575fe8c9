/** The media thread: one loop, one tick of 10 ms, no event loop. With nothing to do it sleeps until a message wakes it. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { Audibility, type Country, Mixer, Tone } from '../audio/index.ts';
import { type Random, unreachable } from '../base/index.ts';
import { AlsaCard, type SoundCard, TICK_MS } from '../io/soundcard/index.ts';
import { CardClock } from './card-clock.ts';
import { Handsfree } from './handsfree.ts';
import { BEAT, RETIRED } from './heartbeat.ts';
import { Measure } from './measure.ts';
import { PagesThread } from './pages-thread.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import { Recording } from './recording.ts';
import type { Keyed } from './shield.ts';
import { SoundNews } from './sound-news.ts';
import { Sounds } from './sounds.ts';
import { Stream } from './stream.ts';
import { TickClock } from './tick-clock.ts';
import type { HandsfreeConfig, MediaEvent } from './types.ts';

/** The loudspeaker stays open this long after its last use where the profile says nothing, and after `prepare`. */
const LINGER_MS = 5000;
const PREPARED_MS = 10_000;
/** While the loudspeaker is being opened nothing is taken from the streams: no first word is lost. What a stream can catch up. */
const MAX_OPENING_MS = 120;
/** How often a sleeping thread looks after a card at fault. */
const RESTLESS_MS = 1000;
/** And one that does nothing but listen for pages, after these. */
const LISTENING_MS = 20;
/** How audible a page is, is told this often. */
const VERIFIED_NEWS_TICKS = 30;

export interface ThreadOptions {
  port: MessagePort;
  /** Int32 that counts messages. */
  wake: Int32Array;
  card: SoundCard;
  rateHz: number;
  handsfree: HandsfreeConfig;
  verifyPages: boolean;
  /** After its last use the loudspeaker is let go of, ms; 0: never. */
  releaseMs?: number;
  country?: Country;
  realTime: boolean;
  random: Random;
  now(): number;
}

export class MediaThread {
  readonly #options: ThreadOptions;
  readonly #card: SoundCard;
  readonly #streams: Stream[] = [];
  readonly #sounds: Sounds;
  readonly #pages: PagesThread;
  readonly #cardClock: CardClock;
  readonly #mixerMs: number;
  readonly #recordings: Recording[] = [];
  readonly #mixer: Mixer;
  readonly #microphone: Int16Array;
  readonly #loudspeaker: Int16Array;
  readonly #post = (event: MediaEvent): void => this.#say({ kind: 'event', event });
  readonly #handsfree: Handsfree;
  /** By a stream: its sound is sent. */
  #microphoneWanted = false;
  #seen = 0;
  #beat = 0;
  #measure: Measure | undefined;
  readonly #audibility = new Audibility();
  /** A page sounds, and the microphone judges it. */
  #verifying = false;
  #verifiedTicks = 0;
  #speakerUntilMs = 0;
  #openingSinceMs = Number.NaN;
  readonly #clock: TickClock;
  readonly #news: SoundNews;
  #stopping = false;

  constructor(options: ThreadOptions) {
    this.#options = options;
    this.#card = options.card;
    this.#sounds = new Sounds(options.rateHz, (sound) => this.#post({ type: 'played', sound }), options.country);
    const frameSamples = (options.rateHz * TICK_MS) / 1000;
    this.#pages = new PagesThread(options.rateHz, options.now, options.random, this.#post);
    this.#cardClock = new CardClock(options.rateHz);
    this.#mixer = new Mixer(options.rateHz, frameSamples);
    this.#mixerMs = (this.#mixer.delaySamples * 1000) / options.rateHz;
    this.#microphone = new Int16Array(frameSamples);
    this.#loudspeaker = new Int16Array(frameSamples);
    this.#handsfree = new Handsfree(options.handsfree, options.card, options.rateHz);
    this.#clock = new TickClock(options.card, options.now, this, (ms) => this.#skip(ms));
    this.#news = new SoundNews(options.card, this.#handsfree, options.realTime, (message) => this.#say(message));
  }

  /** Until `stop` comes. */
  run(): void {
    const { now, wake } = this.#options;
    while (true) {
      const sent = Atomics.load(wake, 0);
      this.#beat = (this.#beat % 1_000_000) + 1;
      Atomics.store(wake, BEAT, this.#beat);
      if (this.#retired) break;
      if (sent !== this.#seen) this.#takeMessages();
      this.#seen = sent;
      if (this.#stopping) break;
      // One moment for all three: it must not rest on a loudspeaker that was still wanted a moment before.
      const at = now();
      this.#want(at);
      this.#news.tell(at);
      if (!this.#busy(at)) {
        this.#clock.rest();
        Atomics.store(wake, BEAT, 0);
        this.sleep(this.#restMs(now()));
        this.#pages.receive(now());
      } else if (this.#clock.due()) {
        this.#tick(now());
      }
    }
    this.#endRecordings(() => true);
    if (!this.#retired) {
      for (const stream of this.#streams) stream.close(now());
      this.#pages.close();
    }
    this.#card.close();
    this.#say({ kind: 'stopped' });
  }

  /** Another thread has taken its place, and its sockets. */
  get #retired(): boolean {
    return Atomics.load(this.#options.wake, RETIRED) === 1;
  }

  /** At most `ms`; true when a message woke it. */
  sleep(ms: number): boolean {
    return Atomics.wait(this.#options.wake, 0, this.#seen, ms) !== 'timed-out';
  }

  #tick(now: number): void {
    const streams = this.#streams;
    this.#clock.keep(now);
    const heard = this.#card.read(this.#microphone);
    if (this.#retired) return;
    for (let i = 0; i < streams.length; i++) streams[i].receive(now);
    this.#pages.receive(now);
    if (!this.#awaitsLoudspeaker(now)) {
      const { volume } = this.#handsfree;
      for (let i = 0; i < streams.length; i++) streams[i].hear(this.#mixer, volume, now);
      this.#sounds.mix(this.#mixer, volume);
      this.#pages.hear(this.#mixer, volume, this.#cardClock, this.#mixerMs);
    }
    const measured = this.#measure?.play(this.#mixer, now) === true;
    this.#mixer.finish(this.#loudspeaker);
    this.#cardClock.writes(this.#card.timing);
    const played = this.#card.write(this.#loudspeaker);
    if (this.#retired) return;
    if (measured) this.#measure?.hear(this.#microphone);
    this.#tellMeasure();
    if (this.#verifying && heard) this.#verify();
    this.#cardClock.wrote(this.#card.timing, played, this.#options.now());
    this.#pages.speak(this.#heardOf, now);
    this.#handsfree.process(this.#microphone, heard, this.#microphoneWanted);
    for (let i = 0; i < streams.length; i++) {
      if (played) streams[i].played();
      streams[i].speak(heard ? this.#microphone : undefined, now);
      streams[i].report(now);
    }
    for (let i = 0; i < this.#recordings.length; i++)
      this.#recordings[i].take(heard && this.#microphoneWanted ? this.#microphone : undefined, this.#microphone.length);
  }

  #awaitsLoudspeaker(now: number): boolean {
    if (!this.#card.opening) this.#openingSinceMs = Number.NaN;
    else if (Number.isNaN(this.#openingSinceMs)) this.#openingSinceMs = now;
    return now - this.#openingSinceMs < MAX_OPENING_MS;
  }

  #skip(ms: number): void {
    for (let i = 0; i < this.#streams.length; i++) this.#streams[i].skip(ms);
    this.#pages.skip(ms);
  }

  #want(now: number): void {
    let speaker = this.#sounds.active || this.#pages.wantsSpeaker;
    let microphone = false;
    for (let i = 0; i < this.#streams.length; i++) {
      speaker ||= this.#streams[i].wantsSpeaker;
      microphone ||= this.#streams[i].wantsMicrophone;
    }
    for (let i = 0; i < this.#recordings.length; i++) microphone ||= this.#recordings[i].stream === undefined;
    if (this.#measure !== undefined) {
      // A call or a page is worth more than a test.
      if (speaker || microphone) this.#measure.cut();
      speaker = true;
    }
    if (speaker) this.#speakerUntilMs = Math.max(this.#speakerUntilMs, now + (this.#options.releaseMs || LINGER_MS));
    this.#microphoneWanted = microphone;
    const verifying = this.#options.verifyPages && !microphone && this.#pageSounds;
    if (verifying && !this.#verifying) this.#audibility.reset();
    this.#verifying = verifying;
    const sampled = this.#handsfree.samples(now, this.#streams.length === 0 && !speaker);
    this.#card.want(
      now < this.#speakerUntilMs || this.#holds,
      microphone || sampled || verifying || this.#measure !== undefined,
      now,
    );
  }

  get #pageSounds(): boolean {
    for (let i = 0; i < this.#streams.length; i++) if (this.#streams[i].pages) return true;
    return this.#pages.wantsSpeaker;
  }

  #verify(): void {
    this.#audibility.put(this.#loudspeaker, this.#microphone);
    if (++this.#verifiedTicks % VERIFIED_NEWS_TICKS > 0) return;
    const audible = this.#audibility.result;
    if (audible !== undefined) this.#post({ type: 'audible', audible });
  }

  /** The loudspeaker is never let go of. But a fall-back is, when all is quiet: so that it goes back to the card that is meant. */
  get #holds(): boolean {
    return this.#options.releaseMs === 0 && !this.#card.restless;
  }

  #restMs(now: number): number {
    if (this.#pages.listening) return LISTENING_MS;
    const restMs = this.#handsfree.sampleInMs(now);
    return this.#card.restless ? Math.min(RESTLESS_MS, restMs) : restMs;
  }

  #busy(now: number): boolean {
    if (this.#card.alwaysRunning || this.#holds || now < this.#speakerUntilMs || this.#pages.busy) return true;
    if (this.#handsfree.sampling || this.#recordings.length > 0) return true;
    for (let i = 0; i < this.#streams.length; i++) if (this.#streams[i].configured) return true;
    return false;
  }

  #takeMessages(): void {
    for (let item = receiveMessageOnPort(this.#options.port); item !== undefined; ) {
      this.#obey(item.message as ToWorker);
      item = receiveMessageOnPort(this.#options.port);
    }
  }

  #obey(message: ToWorker): void {
    const now = this.#options.now();
    switch (message.kind) {
      case 'open': {
        const { rateHz, random } = this.#options;
        const keyed = (keyed: Keyed): void => this.#say({ kind: 'keyed', stream: message.stream, keyed });
        this.#streams.push(new Stream(message, rateHz, random, this.#post, keyed));
        return;
      }
      case 'configure':
        this.#attempt('configure', () => this.#stream(message.stream)?.configure(message.config, now));
        return;
      case 'audible':
        return this.#stream(message.stream)?.audible(message.speaker, message.microphone, message.ducked);
      case 'digits':
        this.#stream(message.stream)?.sendDigits(message.digits);
        return;
      case 'say':
        this.#attempt('say', () => this.#stream(message.stream)?.saying.say(message.samples, message.rateHz));
        return;
      case 'close': {
        const index = this.#streams.findIndex((stream) => stream.id === message.stream);
        if (index < 0) return;
        const [stream] = this.#streams.splice(index, 1);
        this.#endRecordings((recording) => recording.stream === stream);
        stream.close(now);
        return;
      }
      case 'record': {
        const { recording: id, stream } = message;
        const of = stream === undefined ? undefined : this.#stream(stream);
        const { rateHz, country } = this.#options;
        const tell = (samples: Int16Array<ArrayBuffer>, final: boolean): void =>
          this.#options.port.postMessage({ kind: 'recorded', recording: id, samples, rateHz, final }, [samples.buffer]);
        const recording = new Recording(id, of, rateHz, tell);
        this.#recordings.push(recording);
        if (stream !== undefined && of === undefined) this.#endRecordings((one) => one === recording); // it has ended
        if (of === undefined) return;
        // Who is recorded hears it, on both sides.
        of.saying.tap(new Tone('warning', rateHz, country));
        return this.#sounds.tone('warning', true);
      }
      case 'stop-recording':
        return this.#endRecordings(({ id }) => id === message.recording);
      case 'tone':
        return this.#sounds.tone(message.tone, message.on);
      case 'play':
        if (!this.#attempt('play', () => this.#sounds.play(message.sound, message.samples, message.rateHz)))
          this.#post({ type: 'played', sound: message.sound });
        return;
      case 'stop-playing':
        return this.#sounds.stop(message.sound);
      case 'volume':
        this.#handsfree.loudness.volume = message.percent;
        return;
      case 'ceiling':
        this.#handsfree.loudness.ceiling = message.percent;
        return;
      case 'measure':
        this.#measure?.cut();
        this.#tellMeasure();
        this.#measure = new Measure(message.measure, this.#card, this.#options.rateHz, message.levelDbfs, now);
        return;
      case 'stop-measuring':
        this.#measure?.cut();
        this.#tellMeasure();
        return;
      case 'prepare':
        this.#speakerUntilMs = Math.max(this.#speakerUntilMs, now + PREPARED_MS);
        return;
      case 'pcm-opened':
        if (this.#card instanceof AlsaCard)
          this.#card.opened(message.half, message.attempt, message.device, message.pcm);
        return;
      case 'pcm-failed':
        if (this.#card instanceof AlsaCard) this.#card.failed(message.half, message.attempt, message.reason);
        return;
      case 'cards-changed':
        if (this.#card instanceof AlsaCard) this.#card.look(message.speaker, message.microphone);
        return;
      case 'pages-listen':
      case 'page-level':
      case 'page-forget':
      case 'page-send':
      case 'page-stop':
        this.#attempt('page', () => this.#pages.obey(message));
        return;
      case 'stop':
        this.#stopping = true;
        return;
      default:
        return unreachable(message);
    }
  }

  /** What is heard of a stream that goes to a zone; null: there is no such stream any more. */
  readonly #heardOf = (id: string): Int16Array | undefined | null => {
    const stream = this.#stream(id);
    return stream === undefined ? null : stream.heard;
  };

  #endRecordings(of: (recording: Recording) => boolean): void {
    for (const recording of this.#recordings.filter(of)) {
      this.#recordings.splice(this.#recordings.indexOf(recording), 1);
      recording.end();
    }
  }

  #stream(id: string): Stream | undefined {
    return this.#streams.find((stream) => stream.id === id);
  }

  /** What one stream or sound cannot do must not end the others. */
  #attempt(what: string, act: () => void): boolean {
    try {
      act();
      return true;
    } catch (error) {
      const fields = { error: (error as Error).message };
      this.#say({ kind: 'log', level: 'warn', message: `cannot ${what}`, fields });
      return false;
    }
  }

  #tellMeasure(): void {
    const measure = this.#measure;
    if (measure?.result === undefined) return;
    this.#measure = undefined;
    this.#post({ type: 'measured', measure: measure.id, measured: measure.result });
  }

  #say(message: FromWorker): void {
    this.#options.port.postMessage(message);
  }
}
