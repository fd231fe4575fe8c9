/** The microphone, or silence, made into the packets of one stream. Pushed by the tick; allocates nothing per frame. */
import { Resampler, type SampleCodec, SampleFifo } from '../audio/index.ts';
import { RTP_HEADER_BYTES, type RtpSession } from '../rtp/index.ts';

/** Room for a frame that comes while a packet is not yet full. */
const SPARE_MS = 20;
const MAX_DATAGRAM_BYTES = 2048;

export class Talker {
  readonly #codec: SampleCodec;
  readonly #resampler: Resampler;
  readonly #resampled: Int16Array;
  readonly #waiting: SampleFifo;
  readonly #packet: Int16Array;
  readonly #silence: Int16Array;
  readonly datagram = new Uint8Array(MAX_DATAGRAM_BYTES);

  constructor(codec: SampleCodec, rateHz: number, packetMs: number) {
    this.#codec = codec;
    this.#resampler = new Resampler(rateHz, codec.rateHz);
    this.#silence = new Int16Array(rateHz / 100);
    this.#resampled = new Int16Array(this.#resampler.maxOutput(rateHz / 100));
    this.#packet = new Int16Array((codec.rateHz * packetMs) / 1000);
    this.#waiting = new SampleFifo(this.#packet.length + (codec.rateHz * SPARE_MS) / 1000);
  }

  /** Adds 10 ms of sound; without `frame`, of silence. */
  add(frame: Int16Array | undefined): void {
    const sound = frame ?? this.#silence;
    const made = this.#resampler.process(sound, 0, sound.length, this.#resampled, 0);
    this.#waiting.put(this.#resampled, 0, made);
  }

  /** The length of the next datagram, in `datagram`; 0 when no packet is full yet. */
  next(session: RtpSession): number {
    if (this.#waiting.length < this.#packet.length) return 0;
    const count = this.#waiting.take(this.#packet, 0, this.#packet.length);
    this.#codec.encode(this.#packet, 0, count, this.datagram, RTP_HEADER_BYTES);
    return session.send(this.datagram, count);
  }
}
