/** One media thread, as the main thread holds it: its messages, the devices that are opened for it, and whether it still turns. */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Logger } from '../base/index.ts';
import { Cards } from './cards.ts';
import { Heartbeat, RETIRED } from './heartbeat.ts';
import type { FromWorker, ToWorker, WorkerData } from './protocol.ts';
import type { MediaConfig } from './types.ts';

export interface ThreadNews {
  receive(message: FromWorker): void;
  /** A driver holds it for good. */
  hangs(): void;
  opened(): void;
  controls(reason: string): void;
}

export class ThreadHandle {
  readonly config: MediaConfig;
  readonly #news: ThreadNews;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #wake = new Int32Array(new SharedArrayBuffer(12));
  /** None: the driver has nothing to open. */
  readonly #cards: Cards | undefined;
  readonly #heartbeat: Heartbeat;
  /** What this turn has for the thread. */
  readonly #posted: [ToWorker, ArrayBuffer[]][] = [];
  readonly #ended: Promise<void>;
  #threadEnded: () => void = () => {};
  #leaving = false;
  #retired = false;

  constructor(config: MediaConfig, logger: Logger, news: ThreadNews) {
    this.config = config;
    this.#news = news;
    this.#ended = new Promise((resolve) => {
      this.#threadEnded = resolve;
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
    this.#worker.on('exit', () => this.#threadEnded());
    this.#port.on('message', (message: FromWorker) => this.#receive(message));
    const { sound } = config;
    if (sound.driver === 'alsa') {
      this.#cards = new Cards({
        sound,
        logger,
        mixerFile: config.mixerFile,
        answer: (message) => this.send(message),
        onOpened: () => news.opened(),
        onControls: (reason) => this.#retired || news.controls(reason),
      });
    }
    this.#heartbeat = new Heartbeat(this.#wake, () => news.hangs());
    // The process lives for its sockets and calls, not for a thread that waits for work.
    this.#worker.unref();
    this.#port.unref();
  }

  /** At the end of this turn, all at once: to wake the thread takes longer than to send an INVITE, which comes first. False: it is leaving. */
  send(message: ToWorker, transfer: ArrayBuffer[] = []): boolean {
    if (this.#leaving) return false;
    this.#posted.push([message, transfer]);
    if (this.#posted.length === 1) queueMicrotask(() => this.#flush());
    return true;
  }

  /**
   * Its sockets are another's from now on, and nothing of what it says is heard. Resolves, which may be never, when it has ended
   * and the drivers have let go.
   */
  async retire(): Promise<void> {
    this.#retired = this.#leaving = true;
    this.#heartbeat.stop();
    Atomics.store(this.#wake, RETIRED, 1);
    this.#rouse();
    await this.#ended;
    this.#hearOut();
    await this.#cards?.stop();
  }

  /** Its sockets are closed, too. True when it has ended and the drivers have let go, each within its limit. */
  async stop(threadLimitMs: number, driverLimitMs: number): Promise<boolean> {
    this.#heartbeat.stop();
    this.#worker.ref();
    this.send({ kind: 'stop' });
    this.#leaving = true;
    const ended = await within(threadLimitMs, this.#ended);
    const letGo = await within(driverLimitMs, this.#cards?.stop() ?? Promise.resolve());
    this.#hearOut();
    void this.#worker.terminate();
    return ended && letGo;
  }

  /** The end of the thread may be told before its last words are. */
  #hearOut(): void {
    for (let item = receiveMessageOnPort(this.#port); item !== undefined; item = receiveMessageOnPort(this.#port))
      this.#receive(item.message as FromWorker);
    this.#port.close();
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'open-pcm':
        this.#cards?.open(message.half, message.device, message.attempt);
        return;
      case 'close-pcm':
        this.#cards?.close(message.half, message.device, message.pcm);
        return;
      case 'stopped':
        this.#threadEnded();
        return;
      default:
        if (!this.#retired) this.#news.receive(message);
    }
  }

  #flush(): void {
    for (const [message, transfer] of this.#posted.splice(0)) this.#port.postMessage(message, transfer);
    this.#rouse();
  }

  #rouse(): void {
    Atomics.add(this.#wake, 0, 1);
    Atomics.notify(this.#wake, 0);
  }
}

/** False when `work` took longer than `limitMs`. */
export async function within(limitMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  const done = await Promise.race([work.then(() => true), limit]);
  clearTimeout(timer);
  return done;
}
