/** The microphone, or silence, made into the packets of one stream. Pushed by the tick; allocates nothing per frame. */
import { type Encoder, Resampler, SampleFifo } from '../audio/index.ts';
import { RTP_HEADER_BYTES, type RtpSession } from '../rtp/index.ts';

/** Room for a frame that comes while a packet is not yet full. */
const SPARE_MS = 20;
const MAX_DATAGRAM_BYTES = 2048;

export class Talker {
  readonly #encoder: Encoder;
  readonly #resampler: Resampler;
  readonly #resampled: Int16Array;
  readonly #waiting: SampleFifo;
  readonly #packet: Int16Array;
  readonly #silence: Int16Array;
  readonly datagram = new Uint8Array(MAX_DATAGRAM_BYTES);

  constructor(encoder: Encoder, rateHz: number, packetMs: number) {
    this.#encoder = encoder;
    this.#resampler = new Resampler(rateHz, encoder.rateHz);
    this.#silence = new Int16Array(rateHz / 100);
    this.#resampled = new Int16Array(this.#resampler.maxOutput(rateHz / 100));
    this.#packet = new Int16Array((encoder.rateHz * packetMs) / 1000);
    this.#waiting = new SampleFifo(this.#packet.length + (encoder.rateHz * SPARE_MS) / 1000);
  }

  /** Adds 10 ms of sound; without `frame`, of silence. */
  add(frame: Int16Array | undefined): void {
    const sound = frame ?? this.#silence;
    const made = this.#resampler.process(sound, 0, sound.length, this.#resampled, 0);
    this.#waiting.put(this.#resampled, 0, made);
  }

  /** The length of the next datagram, in `datagram`; 0 when no packet is full yet, or none need be sent. */
  next(session: RtpSession): number {
    while (this.#waiting.length >= this.#packet.length) {
      const count = this.#waiting.take(this.#packet, 0, this.#packet.length);
      if (session.remoteLoss !== undefined) this.#encoder.expectLoss(session.remoteLoss);
      const length = this.#encoder.encode(this.#packet, 0, count, this.datagram, RTP_HEADER_BYTES);
      const datagramBytes = session.send(this.datagram, length, this.#encoder.made);
      if (datagramBytes > 0) return datagramBytes;
    }
    return 0;
  }
}
