/**
 * The main thread's handle on the media thread. Nothing here waits for it: messages are posted, news come back as events. Only
 * port pairs are bound right here, because the offer needs them, and sound devices are opened here, because a driver that hangs
 * must not hold up the RTP.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Logger } from '../base/index.ts';
import { bindPair, SocketError } from '../rtp/socket.ts';
import { Cards } from './cards.ts';
import { MediaError } from './errors.ts';
import { Heartbeat } from './heartbeat.ts';
import { PagesHandle } from './pages.ts';
import type { FromWorker, ToWorker, WorkerData } from './protocol.ts';
import { liftClientThreads } from './real-time.ts';
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
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #wake = new Int32Array(new SharedArrayBuffer(8));
  readonly #listeners: ((event: MediaEvent) => void)[] = [];
  /** By stream. */
  readonly #calls = new Map<string, string>();
  readonly #recordings = new Map<string, RecordListener>();
  /** None: the driver has nothing to open. */
  readonly #cards: Cards | undefined;
  readonly #stopped: Promise<void>;
  #threadStopped: () => void = () => {};
  /** What this turn has for the thread. */
  readonly #posted: [ToWorker, ArrayBuffer[]][] = [];
  readonly #heartbeat: Heartbeat;
  #stopping: Promise<void> | undefined;
  #count = 0;
  hung = false;
  readonly pages: PagesHandle;
  #status: SoundStatus;
  #beforeHang: SoundStatus | undefined;
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
    this.#stopped = new Promise((resolve) => {
      this.#threadStopped = resolve;
    });
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const workerData: WorkerData = { config, wake: this.#wake.buffer as SharedArrayBuffer, port: port2 };
    // The thread keeps what it makes; a small young generation saves a megabyte or two.
    const resourceLimits = { maxYoungGenerationSizeMb: 2 };
    const options = { workerData, transferList: [port2], resourceLimits };
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), options);
    // An error in the thread is a bug of ours: it falls, and systemd brings the box back.
    this.#worker.on('error', (error) => {
      logger.error('the media thread failed', { error: error.stack });
      throw error;
    });
    this.#worker.on('exit', () => this.#threadStopped());
    this.#port.on('message', (message: FromWorker) => this.#receive(message));
    const { sound } = config;
    if (sound.driver === 'alsa') {
      this.#cards = new Cards({
        sound,
        logger,
        answer: (message) => this.#send(message),
        onOpened: () => this.#status.realTime && liftClientThreads(),
        onControls: (reason) => this.#tell({ type: 'controls', reason }),
      });
    }
    this.#heartbeat = new Heartbeat(this.#wake, (hangs) => this.#hangs(hangs));
    // The process lives for its sockets and calls, not for a thread that waits for work.
    this.#worker.unref();
    this.#port.unref();
  }

  open(localHost: string, call?: string): MediaStream {
    if (this.#stopping !== undefined) throw new MediaError('stopped', 'Cannot open a stream: the sound is stopped');
    let pair: ReturnType<typeof bindPair>;
    try {
      pair = bindPair(localHost, this.#config.ports, this.#config.dscp);
    } catch (cause) {
      if (!(cause instanceof SocketError)) throw cause;
      const code = cause.code === 'eaddrinuse' ? 'no-port' : cause.code;
      throw new MediaError(code, `Cannot open a stream: ${cause.message}`, { cause });
    }
    const id = `stream-${++this.#count}`;
    if (call !== undefined) this.#calls.set(id, call);
    this.#send({ kind: 'open', stream: id, rtpFd: pair.rtpFd, rtcpFd: pair.rtcpFd });
    const record = (listener: RecordListener): void => void this.#record(listener, id);
    return new StreamHandle(id, { host: localHost, port: pair.port }, (...sent) => this.#send(...sent), record);
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
    this.#heartbeat.stop();
    this.#worker.ref();
    this.#post({ kind: 'stop' }, []);
    const ended = await within(THREAD_LIMIT_MS, this.#stopped);
    const letGo = await within(DRIVER_LIMIT_MS, this.#cards?.stop() ?? Promise.resolve());
    this.hung = !ended || !letGo;
    if (this.hung) this.#logger.warn('a sound driver does not let go', { afterMs: DRIVER_LIMIT_MS });
    // The end of the thread may be told before its last words are.
    for (let item = receiveMessageOnPort(this.#port); item !== undefined; item = receiveMessageOnPort(this.#port))
      this.#receive(item.message as FromWorker);
    this.#port.close();
    void this.#worker.terminate();
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'event':
        this.#tell(message.event);
        return;
      case 'log':
        this.#logger[message.level](message.message, message.fields);
        return;
      case 'open-pcm':
        this.#cards?.open(message.half, message.device, message.attempt);
        return;
      case 'close-pcm':
        this.#cards?.close(message.half, message.device, message.pcm);
        return;
      case 'handsfree':
        this.#handsfree = message.status;
        return;
      case 'recorded': {
        const { recording, samples, rateHz, final } = message;
        const listener = this.#recordings.get(recording);
        if (final) this.#recordings.delete(recording);
        listener?.(samples, rateHz, final);
        return;
      }
      case 'stopped':
        this.#threadStopped();
        return;
    }
  }

  #hangs(hangs: boolean): void {
    if (hangs) this.#beforeHang = this.#status;
    const reason = 'A sound driver holds the sound: no call is heard';
    const status = hangs ? { ...this.#status, speaker: 'fault', microphone: 'fault', reason } : this.#beforeHang;
    if (status !== undefined) this.#tell({ type: 'sound', status: status as SoundStatus });
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
    this.#post(message, transfer);
    return true;
  }

  /** At the end of this turn, all at once: to wake the thread takes longer than to send an INVITE, which comes first. */
  #post(message: ToWorker, transfer: ArrayBuffer[]): void {
    this.#posted.push([message, transfer]);
    if (this.#posted.length === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    for (const [message, transfer] of this.#posted.splice(0)) this.#port.postMessage(message, transfer);
    Atomics.add(this.#wake, 0, 1);
    Atomics.notify(this.#wake, 0);
  }
}

class StreamHandle implements MediaStream {
  readonly id: string;
  readonly local: SocketAddress;
  readonly #send: (message: ToWorker, transfer?: ArrayBuffer[]) => void;
  readonly record: (listener: RecordListener) => void;

  constructor(
    id: string,
    local: SocketAddress,
    send: (message: ToWorker, transfer?: ArrayBuffer[]) => void,
    record: (listener: RecordListener) => void,
  ) {
    this.id = id;
    this.local = local;
    this.#send = send;
    this.record = record;
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
    this.#send({ kind: 'close', stream: this.id });
  }
}

/** False when `work` took longer than `limitMs`. */
async function within(limitMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  const done = await Promise.race([work.then(() => true), limit]);
  clearTimeout(timer);
  return done;
}
