/** One page of ours in the media thread: a message, or what is heard of a call, on its way to a group. */
import { gainOf, Mixer, makeEncoder, Tone } from '../audio/index.ts';
import type { Random } from '../base/index.ts';
import { formatOf, type Target, Transmission } from '../page/index.ts';
import { SocketName, UdpSocket } from '../rtp/socket.ts';
import type { PageEvent, Zone } from './page-types.ts';
import { Prompt } from './sounds.ts';

/** The chime and the voice may meet. */
const RELAY_DB = -1;

export type Said = { samples: Int16Array; rateHz: number } | { stream: string };

export class PageSender {
  readonly page: string;
  /** Whose sound it is; undefined: a message. */
  readonly stream: string | undefined;
  readonly #socket: UdpSocket;
  readonly #transmission: Transmission;
  readonly #prompt: Prompt | undefined;
  readonly #mixer: Mixer;
  readonly #frame: Int16Array;
  readonly #out: Int16Array;
  readonly #targets: Record<Target, SocketName>;
  readonly #post: (event: PageEvent) => void;
  #chime: Tone | undefined;
  #failed = false;
  #sent = false;

  /** Throws `CodecError`, and `RangeError` for a rate that cannot be converted. */
  constructor(
    page: string,
    zone: Zone,
    fd: number,
    said: Said,
    rateHz: number,
    random: Random,
    post: (event: PageEvent) => void,
  ) {
    this.page = page;
    this.stream = 'stream' in said ? said.stream : undefined;
    this.#post = post;
    const { group, control, codec } = zone;
    const encoder = makeEncoder(formatOf(codec), rateHz, 'sent');
    this.#prompt = 'stream' in said ? undefined : new Prompt(said.samples, said.rateHz, rateHz);
    this.#mixer = new Mixer(rateHz, rateHz / 100);
    this.#frame = new Int16Array(rateHz / 100);
    this.#out = new Int16Array(rateHz / 100);
    this.#chime = zone.chime ? new Tone('chime', rateHz) : undefined;
    this.#socket = new UdpSocket(fd);
    this.#targets = {
      group: new SocketName().set(group.host, group.port),
      report: new SocketName().set(group.host, group.port + 1),
      control: new SocketName().set(control.host, control.port),
    };
    this.#transmission = new Transmission(zone, encoder, rateHz, random, this.#send);
  }

  get over(): boolean {
    return this.#transmission.over;
  }

  /** 10 ms; `heard`: of the call that is relayed, undefined: nothing. `wallMs`: time of day. */
  speak(heard: Int16Array | undefined, now: number, wallMs: number): void {
    const { length } = this.#frame;
    const chime = this.#chime;
    if (chime !== undefined) {
      chime.fill(this.#frame, 0, length);
      this.#mixer.add(this.#frame, 0, length, 1);
      if (chime.ended) this.#chime = undefined;
    }
    if (heard !== undefined) this.#mixer.add(heard, 0, length, gainOf(RELAY_DB));
    else if (this.#prompt !== undefined && chime === undefined) {
      this.#prompt.fill(this.#frame);
      this.#mixer.add(this.#frame, 0, length, 1);
    }
    this.#mixer.finish(this.#out);
    this.#transmission.tick(this.#out, now, wallMs);
    if (this.#prompt?.ended) this.#transmission.finish();
    if (this.over && !this.#failed) this.#post({ type: 'page-sent', page: this.page });
  }

  skip(ms: number): void {
    this.#transmission.skip(ms);
  }

  /** The end is said, and then it is `over`. */
  stop(): void {
    this.#transmission.finish();
  }

  close(): void {
    this.#socket.close();
  }

  readonly #send = (datagram: Uint8Array, length: number, to: Target): void => {
    if (this.#socket.send(datagram, length, this.#targets[to])) {
      this.#sent = true;
      return;
    }
    // A full queue costs a packet. That nothing at all goes out is told, once.
    if (this.#failed || this.#sent || to !== 'group') return;
    this.#failed = true;
    this.#post({ type: 'page-sent', page: this.page, reason: `nothing can be sent to ${this.#targets.group}` });
    this.#transmission.finish();
  };
}
