/** Sound that is kept: of the microphone, or of both sides of a stream, in pieces for the main thread. */
import type { Stream } from './stream.ts';

/** A piece is told so often: what a crash may lose. */
const PIECE_MS = 500;

export class Recording {
  readonly id: string;
  /** Absent: the microphone is recorded. */
  readonly stream: Stream | undefined;
  readonly #tell: (samples: Int16Array<ArrayBuffer>, final: boolean) => void;
  readonly #pieceSamples: number;
  #piece: Int16Array<ArrayBuffer>;
  #length = 0;

  /** `tell` may give the samples away. */
  constructor(
    id: string,
    stream: Stream | undefined,
    rateHz: number,
    tell: (samples: Int16Array<ArrayBuffer>, final: boolean) => void,
  ) {
    this.id = id;
    this.stream = stream;
    this.#tell = tell;
    this.#pieceSamples = (rateHz * PIECE_MS) / 1000;
    this.#piece = new Int16Array(this.#pieceSamples);
  }

  /** The next 10 ms; `microphone` is undefined while nothing is heard there. */
  take(microphone: Int16Array | undefined, count: number): void {
    const frame = this.stream === undefined ? microphone : this.stream.saying.tapped;
    for (let i = 0; i < count; i++) this.#piece[this.#length + i] = frame === undefined ? 0 : frame[i];
    this.#length += count;
    if (this.#length + count > this.#pieceSamples) this.#pass(false);
  }

  end(): void {
    this.stream?.saying.tap(undefined);
    this.#pass(true);
  }

  #pass(final: boolean): void {
    this.#tell(this.#length === this.#piece.length ? this.#piece : this.#piece.slice(0, this.#length), final);
    this.#piece = new Int16Array(final ? 0 : this.#pieceSamples);
    this.#length = 0;
  }
}
