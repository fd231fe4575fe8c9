/**
 * How far a stream has come, in memory that outlives its thread. Who goes on with it is the same source to the other side, and under
 * keys that stay it must use no number a second time: two packets under one key stream tell both (RFC 3711 §9.1).
 */
import { RECEIVER_CELLS, SENDER_CELLS, SESSION_CELLS } from '../rtp/index.ts';

/** Of what is encrypted under one pair of keys. */
export interface ShieldNumbers {
  send: Float64Array;
  receive: Float64Array;
}

const SHIELD_CELLS = SENDER_CELLS + RECEIVER_CELLS;
const CELLS = 1 + SESSION_CELLS + 2 * SHIELD_CELLS;

export class Numbers {
  readonly #cells: Float64Array;
  readonly session: Float64Array;
  readonly rtp: ShieldNumbers;
  /** Of RTCP under keys of its own. */
  readonly rtcp: ShieldNumbers;

  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Float64Array(buffer);
    this.session = this.#cells.subarray(1, 1 + SESSION_CELLS);
    this.rtp = this.#shield(1 + SESSION_CELLS);
    this.rtcp = this.#shield(1 + SESSION_CELLS + SHIELD_CELLS);
  }

  static buffer(): SharedArrayBuffer {
    return new SharedArrayBuffer(CELLS * Float64Array.BYTES_PER_ELEMENT);
  }

  /** When the time of the session was last moved on, ms of the clock of all media threads; 0: never. */
  get atMs(): number {
    return this.#cells[0];
  }

  set atMs(now: number) {
    this.#cells[0] = now;
  }

  #shield(at: number): ShieldNumbers {
    return {
      send: this.#cells.subarray(at, at + SENDER_CELLS),
      receive: this.#cells.subarray(at + SENDER_CELLS, at + SHIELD_CELLS),
    };
  }
}
