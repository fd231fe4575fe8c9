/**
 * The main thread's handle on the media thread. Nothing here waits for it: messages are posted, news come back as events. Only
 * port pairs are bound right here, because the offer needs them, and sound devices are opened here, because a driver that hangs
 * must not hold up the RTP.
 */
import type { Logger } from '../base/index.ts';
import { bindPair, closeSocket, type PortPair, SocketError } from '../rtp/socket.ts';
import { MediaError } from './errors.ts';
import { Numbers } from './numbers.ts';
import { PagesHandle } from './pages.ts';
import { type FromWorker, soundRateHz, type ToWorker } from './protocol.ts';
import { liftClientThreads } from './real-time.ts';
import { Standing } from './standing.ts';
import { ThreadHandle, within } from './thread-handle.ts';
import type {
  HandsfreeStatus,
  MediaConfig,
  MediaEngine,
  MediaEvent,
  MediaStream,
  RecordListener,
  SocketAddress,
  SoundStatus,
  StreamConfig,
  ToneName,
} from './types.ts';

/** Of the two seconds `stop` may take: for the thread, and then for the drivers to let go. */
const THREAD_LIMIT_MS = 1000;
const DRIVER_LIMIT_MS = 700;

/** Starts the media thread. */
export function createMediaEngine(config: MediaConfig, logger: Logger): MediaEngine {
  return new Engine(config, logger);
}

class Engine implements MediaEngine {
  readonly #config: MediaConfig;
  readonly #logger: Logger;
  #thread: ThreadHandle;
  readonly #standing = new Standing();
  /** Threads in whose place another one is, until their drivers let go. */
  readonly #retired = new Set<Promise<void>>();
  /** Why the sound is not as it is configured: a driver hangs. */
  #hangs = '';
  readonly #listeners: ((event: MediaEvent) => void)[] = [];
  /** By stream. */
  readonly #calls = new Map<string, string>();
  readonly #recordings = new Map<string, RecordListener>();
  #stopping: Promise<void> | undefined;
  #count = 0;
  hung = false;
  readonly pages: PagesHandle;
  #status: SoundStatus;
  #handsfree: HandsfreeStatus | undefined;

  constructor(config: MediaConfig, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
    this.pages = new PagesHandle(config.dscp, (...sent) => this.#send(...sent), logger);
    this.#status = {
      driver: config.sound.driver,
      speaker: 'closed',
      microphone: 'closed',
      reason: '',
      microphoneOpened: 0,
      underruns: 0,
      realTime: false,
    };
    this.#thread = this.#begin(config);
  }

  #begin(config: MediaConfig): ThreadHandle {
    return new ThreadHandle(config, this.#logger, {
      receive: (message) => this.#receive(message),
      hangs: () => this.#replace(),
      opened: () => this.#status.realTime && liftClientThreads(),
      controls: (reason) => this.#tell({ type: 'controls', reason }),
    });
  }

  open(localHost: string, call?: string): MediaStream {
    const stream = this.reserve(localHost);
    stream.begin(call);
    return stream;
  }

  reserve(localHost: string): MediaStream {
    if (this.#stopping !== undefined) throw new MediaError('stopped', 'Cannot open a stream: the sound is stopped');
    let pair: PortPair;
    try {
      pair = bindPair(localHost, this.#config.ports, this.#config.dscp);
    } catch (cause) {
      if (!(cause instanceof SocketError)) throw cause;
      const code = cause.code === 'eaddrinuse' ? 'no-port' : cause.code;
      throw new MediaError(code, `Cannot open a stream: ${cause.message}`, { cause });
    }
    const id = `stream-${++this.#count}`;
    return new StreamHandle(id, localHost, pair, {
      begin: (call) => void (call !== undefined && this.#calls.set(id, call)),
      send: (...sent) => this.#send(...sent),
      record: (listener) => void this.#record(listener, id),
    });
  }

  record(listener: RecordListener): () => void {
    return this.#record(listener);
  }

  #record(listener: RecordListener, stream?: string): () => void {
    const recording = `recording-${++this.#count}`;
    this.#recordings.set(recording, listener);
    this.#send({ kind: 'record', recording, ...(stream !== undefined && { stream }) });
    return () => this.#send({ kind: 'stop-recording', recording });
  }

  tone(tone: ToneName, on: boolean): void {
    this.#send({ kind: 'tone', tone, on });
  }

  play(samples: Int16Array, rateHz: number): string {
    const sound = `sound-${++this.#count}`;
    const copy = samples.slice();
    this.#send({ kind: 'play', sound, samples: copy, rateHz }, [copy.buffer as ArrayBuffer]);
    return sound;
  }

  stopPlaying(sound: string): void {
    this.#send({ kind: 'stop-playing', sound });
  }

  volume(percent: number): void {
    this.#send({ kind: 'volume', percent });
  }

  ceiling(percent: number): void {
    this.#send({ kind: 'ceiling', percent });
  }

  measure(levelDbfs: number): string {
    const measure = `measure-${++this.#count}`;
    this.#send({ kind: 'measure', measure, levelDbfs });
    return measure;
  }

  stopMeasuring(): void {
    this.#send({ kind: 'stop-measuring' });
  }

  prepare(): void {
    this.#send({ kind: 'prepare' });
  }

  onEvent(listener: (event: MediaEvent) => void): void {
    this.#listeners.push(listener);
  }

  status(): SoundStatus {
    return this.#handsfree === undefined ? this.#status : { ...this.#status, handsfree: this.#handsfree };
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const [ended, gone] = await Promise.all([
      this.#thread.stop(THREAD_LIMIT_MS, DRIVER_LIMIT_MS),
      within(DRIVER_LIMIT_MS, Promise.all(this.#retired)),
    ]);
    this.hung = !ended || !gone;
    if (this.hung) this.#logger.warn('a sound driver does not let go', { afterMs: DRIVER_LIMIT_MS });
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'event': {
        const { event } = message;
        this.#standing.heard(event);
        this.#tell(event.type === 'sound' ? { ...event, status: this.#worded(event.status) } : event);
        if (this.#hangs !== '') this.#restore();
        return;
      }
      case 'keyed':
        this.#standing.keyed(message.stream, message.keyed);
        return;
      case 'log':
        this.#logger[message.level](message.message, message.fields);
        return;
      case 'handsfree':
        this.#handsfree = message.status;
        return;
      case 'recorded': {
        const { recording, samples, rateHz, final } = message;
        const listener = this.#recordings.get(recording);
        if (final) {
          this.#recordings.delete(recording);
          this.#standing.recorded(recording);
        }
        listener?.(samples, rateHz, final);
        return;
      }
    }
  }

  /**
   * The thread hangs in a driver, which nothing can end: another one takes its streams over, with the second card or without
   * sound, so that calls and pages go on. When the driver lets go, and nobody would hear it, the sound is as configured again.
   */
  #replace(): void {
    const { config } = this.#thread;
    const { sound } = config;
    if (sound.driver === 'none') return;
    const second = sound.driver === 'alsa' ? sound.fallback : undefined;
    const { speaker, microphone } = second ?? {};
    const takesPlace = [...new Set([speaker, microphone])].filter((name) => name !== undefined);
    this.#hangs =
      takesPlace.length > 0
        ? `A sound driver hangs; "${takesPlace.join('", "')}" takes its place`
        : 'A sound driver hangs: nothing is heard';
    this.#retire(true);
    this.#handsfree = undefined;
    this.#thread = this.#begin({
      ...config,
      sound:
        sound.driver === 'alsa' && second !== undefined
          ? { ...sound, ...second, controls: second.controls, fallback: undefined }
          : { driver: 'none', rateHz: soundRateHz(config) },
    });
    this.#tell({ type: 'sound', status: this.#worded(this.#status) });
    for (const event of this.#standing.takeLost()) this.#tell(event);
    for (const message of this.#standing.again()) this.#thread.send(message);
  }

  #retire(hangs: boolean): void {
    const retired = this.#thread.retire().then(() => {
      this.#retired.delete(retired);
      if (hangs) this.#restore();
    });
    this.#retired.add(retired);
  }

  /** To the sound that is meant. */
  #restore(): void {
    if (this.#hangs === '' || this.#retired.size > 0 || !this.#standing.idle || this.#stopping !== undefined) return;
    this.#hangs = '';
    this.#retire(false);
    this.#thread = this.#begin(this.#config);
    for (const message of this.#standing.again()) this.#thread.send(message);
  }

  #worded(status: SoundStatus): SoundStatus {
    if (this.#hangs === '') return status;
    const { driver } = this.#config.sound;
    if (this.#thread.config.sound.driver === 'none')
      return { ...status, driver, speaker: 'fault', microphone: 'fault', reason: this.#hangs };
    const { reason } = status;
    return { ...status, reason: reason === '' ? this.#hangs : `${this.#hangs}; ${reason}` };
  }

  #tell(event: MediaEvent): void {
    if (event.type === 'statistics') {
      event.call = this.#calls.get(event.stream);
      if (event.final) this.#calls.delete(event.stream);
    }
    if (event.type === 'sound') {
      const { speaker, microphone, reason } = event.status;
      const changed = reason !== this.#status.reason;
      this.#status = event.status;
      if (changed && reason !== '') this.#logger.warn('sound fault', { reason });
      else this.#logger.debug('sound', { speaker, microphone });
    }
    for (const listener of this.#listeners) listener(event);
  }

  #send(message: ToWorker, transfer: ArrayBuffer[] = []): boolean {
    if (this.#stopping !== undefined) return false;
    this.#standing.note(message);
    return this.#thread.send(message, transfer);
  }
}

interface StreamWays {
  begin(call?: string): void;
  send(message: ToWorker, transfer?: ArrayBuffer[]): boolean;
  record(listener: RecordListener): void;
}

class StreamHandle implements MediaStream {
  readonly id: string;
  readonly local: SocketAddress;
  readonly #ways: StreamWays;
  /** Until the thread has them. */
  #reserved: PortPair | undefined;

  constructor(id: string, host: string, pair: PortPair, ways: StreamWays) {
    this.id = id;
    this.local = { host, port: pair.port };
    this.#reserved = pair;
    this.#ways = ways;
  }

  begin(call?: string): void {
    const pair = this.#reserved;
    if (pair === undefined) return;
    this.#reserved = undefined;
    this.#ways.begin(call);
    const { rtpFd, rtcpFd } = pair;
    if (!this.#send({ kind: 'open', stream: this.id, rtpFd, rtcpFd, numbers: Numbers.buffer() })) free(pair);
  }

  record(listener: RecordListener): void {
    this.#ways.record(listener);
  }

  #send(message: ToWorker, transfer?: ArrayBuffer[]): boolean {
    return this.#ways.send(message, transfer);
  }

  configure(config: StreamConfig): void {
    this.#send({ kind: 'configure', stream: this.id, config });
  }

  audible(speaker: boolean, microphone: boolean, ducked = false): void {
    this.#send({ kind: 'audible', stream: this.id, speaker, microphone, ducked });
  }

  sendDigits(digits: string): void {
    this.#send({ kind: 'digits', stream: this.id, digits });
  }

  say(samples: Int16Array, rateHz: number): void {
    const copy = samples.slice();
    this.#send({ kind: 'say', stream: this.id, samples: copy, rateHz }, [copy.buffer as ArrayBuffer]);
  }

  close(): void {
    if (this.#reserved === undefined) this.#send({ kind: 'close', stream: this.id });
    else free(this.#reserved);
    this.#reserved = undefined;
  }
}

function free({ rtpFd, rtcpFd }: PortPair): void {
  closeSocket(rtpFd);
  closeSocket(rtcpFd);
}
