/** A libasound that exists only here: one PCM per half, moved by hand, failing on demand. */
import { Resampler as Converter, type Resampler } from '../../../src/audio/index.ts';
import { AlsaCard, type AlsaDoor, type AlsaLibrary, type Half, type OpenPcm } from '../../../src/io/soundcard/index.ts';

const messages: Record<number, string> = {
  [-5]: 'Input/output error',
  [-16]: 'Device or resource busy',
  [-19]: 'No such device',
  [-32]: 'Broken pipe',
  [-77]: 'File descriptor in bad state',
};

/** One half of the card: what was written waits until `move`, what is to be read comes by `move`. */
export class FakePcm implements OpenPcm {
  readonly pcm: bigint;
  readonly rateHz: number;
  readonly format = 's16';
  readonly channels = 1;
  readonly periodFrames: number;
  readonly bufferFrames: number;
  /** Frames that wait in the buffer. */
  waiting = 0;
  /** What has left the loudspeaker. */
  readonly heard: number[] = [];
  readonly #queue: number[] = [];
  /** Result of every call from now on; 0: it works. */
  failing = 0;
  /** Result of the next calls alone, first things first. */
  readonly trips: number[] = [];
  recovers = true;
  recovered = 0;
  /** At most so many frames go at once. */
  most = Number.POSITIVE_INFINITY;
  /** Told by the driver beyond what waits: a converter, a cable. */
  extraDelay = 0;

  constructor(pcm: bigint, bufferPeriods: number, rateHz: number) {
    this.pcm = pcm;
    this.rateHz = rateHz;
    this.periodFrames = rateHz / 100;
    this.bufferFrames = bufferPeriods * this.periodFrames;
  }

  result(): number {
    return this.failing !== 0 ? this.failing : (this.trips.shift() ?? 0);
  }

  put(frames: Int16Array, count: number): number {
    const taken = Math.min(count, this.most, this.bufferFrames - this.waiting);
    for (let i = 0; i < taken; i++) this.#queue.push(frames[i]);
    this.waiting += taken;
    return taken > 0 ? taken : -11;
  }

  play(frames: number): void {
    const played = Math.min(frames, this.waiting);
    this.heard.push(...this.#queue.splice(0, played));
    this.waiting -= played;
    if (played < frames) this.trips.push(-32);
  }

  /** Opened anew. */
  reset(): void {
    this.empty();
    this.failing = 0;
    this.trips.length = 0;
  }

  empty(): void {
    this.waiting = 0;
    this.#queue.length = 0;
  }
}

export class FakeCard {
  readonly card: AlsaCard;
  readonly speaker: FakePcm;
  readonly microphone: FakePcm;
  /** `open speaker`, `close microphone`…, as the card asked for it. */
  readonly asked: string[] = [];
  now = 0;
  readonly #attempts = { speaker: { device: '', attempt: 0 }, microphone: { device: '', attempt: 0 } };
  readonly engineHz: number;

  constructor(rateHz = 16_000, engineHz = 16_000, fallback = false) {
    this.engineHz = engineHz;
    this.speaker = new FakePcm(1n, 6, rateHz);
    this.microphone = new FakePcm(2n, 8, rateHz);
    const door: AlsaDoor = {
      open: (half, device, attempt) => {
        this.asked.push(`open ${half} ${device}`);
        this.#attempts[half] = { device, attempt };
      },
      close: (half, device) => void this.asked.push(`close ${half} ${device}`),
    };
    this.card = new AlsaCard(
      {
        speaker: 'hw:Fake',
        microphone: 'hw:Fake',
        ...(fallback && { fallback: { speaker: 'hw:Second', microphone: 'hw:Second' } }),
        rateHz: engineHz,
        prefill: 2,
        resampler: (from, to): Resampler => new Converter(from, to),
        now: () => this.now,
        sleep: (ms) => {
          this.now += ms;
          return false;
        },
        alsa: () => this.library,
      },
      door,
    );
  }

  readonly library = {
    strerror: (error: number) => messages[error] ?? `error ${error}`,
    avail: (pcm: bigint) => {
      const half = this.#half(pcm);
      const result = half.result();
      return result < 0 ? result : half === this.microphone ? half.waiting : half.bufferFrames - half.waiting;
    },
    delay: (pcm: bigint, frames: Int32Array) => {
      const half = this.#half(pcm);
      frames[0] = half.waiting + half.extraDelay;
      return half.failing;
    },
    wait: (pcm: bigint) => this.#half(pcm).result(),
    start: (pcm: bigint) => this.#half(pcm).result(),
    recover: (pcm: bigint, error: number) => {
      const half = this.#half(pcm);
      if (!half.recovers) return error;
      half.recovered++;
      half.empty();
      return 0;
    },
    read: (pcm: bigint, frames: Int16Array, count: number) => {
      const half = this.#half(pcm);
      const result = half.result();
      if (result < 0) return result;
      const read = Math.min(count, half.waiting, half.most);
      frames.fill(1000, 0, read);
      half.waiting -= read;
      return read === 0 ? -11 : read;
    },
    write: (pcm: bigint, frames: Int16Array, count: number) => {
      const half = this.#half(pcm);
      const result = half.result();
      return result < 0 ? result : half.put(frames, count);
    },
  } as unknown as AlsaLibrary;

  /** The main thread's part: what was asked for is there. */
  answer(...halves: Half[]): void {
    for (const half of halves) {
      const { attempt, device } = this.#attempts[half];
      this[half].reset();
      this.card.opened(half, attempt, device, this[half]);
    }
  }

  refuse(half: Half, reason: string): void {
    this.card.failed(half, this.#attempts[half].attempt, reason);
  }

  /** Both halves wanted, open and in step. */
  start(): this {
    this.card.want(true, true, this.now);
    this.answer('speaker', 'microphone');
    for (let i = 0; i < 5; i++) this.tick();
    return this;
  }

  /** 10 ms of the world, then the tick of the thread. Returns what `read` and `write` said. */
  tick(frame = new Int16Array(this.engineHz / 100)): { heard: boolean; played: boolean } {
    this.now += 10;
    this.move();
    this.card.want(true, true, this.now);
    const heard = this.card.read(new Int16Array(frame.length));
    return { heard, played: this.card.write(frame) };
  }

  /** The card's own 10 ms. */
  move(): void {
    this.speaker.play(this.speaker.periodFrames);
    this.microphone.waiting += this.microphone.periodFrames;
    if (this.microphone.waiting > this.microphone.bufferFrames) this.microphone.trips.push(-32);
  }

  #half(pcm: bigint): FakePcm {
    return pcm === 1n ? this.speaker : this.microphone;
  }
}
