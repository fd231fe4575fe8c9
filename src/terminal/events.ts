/** What the terminal tells people and other programs: its events, and its status. */
import type { LampState, Priority } from './slice.ts';
import type { EndCause, Source } from './types.ts';

/**
 * What happens to a call. One call of a plan keeps one `call`, however many phones it rings; an own call ends with exactly
 * one `ended` (it was taken, or given up on purpose) or `failed` (it reached nobody), an incoming one with one `ended` or
 * `refused`. `encrypted`: DTLS has agreed on keys; `reason` says which. `early`: what this phone's side plays before it answers
 * is heard here. `redirected`: it sent the call on; `reason` says whither. `message`: nobody was reached, and the person may
 * leave word. `unreached`: this phone did not take it, the plan goes on. `lost`: the network took a talk away, the plan begins
 * anew.
 */
export interface CallEvent {
  type: 'call' | 'page';
  call: string;
  direction: 'outgoing' | 'incoming';
  state:
    | 'calling'
    | 'ringing'
    | 'early'
    | 'redirected'
    | 'unreached'
    | 'answered'
    | 'encrypted'
    | 'connected'
    | 'prolonged'
    | 'held'
    | 'ducked'
    | 'mixed'
    | 'resumed'
    | 'transferring'
    | 'transferred'
    | 'transfer-failed'
    | 'conference'
    | 'lost'
    | 'waiting'
    | 'message'
    | 'refused'
    | 'ended'
    | 'failed';
  peer: string;
  /** Of a transfer: who was talked to, and who is or should have been. */
  from?: string;
  to?: string;
  /** The other side is a conference. */
  conference?: boolean;
  /** Why: which rule, which header, which cause. */
  reason?: string;
  cause?: EndCause;
  plan?: string;
  /** From 1. */
  step?: number;
  cycle?: number;
  priority?: Priority;
  /** How long the two sides were connected. */
  durationMs?: number;
  /** Of a page, where `audio.verify-pages` lets the microphone judge: it was audible here, and by how much. */
  heard?: boolean;
  overAmbientDb?: number;
}

/** One line of the journal and one message on `…/event`, before it gets its `id` and times. */
export type TerminalEvent =
  | {
      type: 'press';
      button: string;
      source: Source;
      result: 'calling' | 'ignored' | 'hangup' | 'answered' | 'paging' | 'refused';
      /** The call this press began or answered. */
      call?: string;
      reason?: string;
    }
  | { type: 'release'; button: string; heldMs: number; source: Source }
  | CallEvent
  | { type: 'output'; output: string; on: boolean; blinkMs?: number }
  | { type: 'fault'; fault: string; state: 'raised' | 'cleared'; reason: string }
  | { type: 'registration'; account: string; registered: boolean; reason: string }
  | { type: 'config'; state: 'started' | 'stopped'; version: string; reason?: string }
  /** `reason`: which rule, and why it was not spoken although it should have been. */
  | { type: 'message'; from: string; text: string; spoken: boolean; reason: string }
  /** `call`: both sides of it. `message`: what somebody left who reached nobody. */
  | {
      type: 'recording';
      call: string;
      what: 'call' | 'message';
      state: 'started' | 'ended' | 'failed';
      file: string;
      durationMs?: number;
      reason?: string;
    }
  /**
   * How a call sounded, when it is over. Packets; `score`: mean opinion score of how the other side was heard, 1..5;
   * `remoteScore`, `remoteLoss` (0..1): how we were heard, when the other side tells.
   */
  | {
      type: 'quality';
      call: string;
      /** `opus`, `g722`, `pcma`... */
      codec?: string;
      sent: number;
      received: number;
      lost: number;
      late: number;
      jitterMs: number;
      bufferMs: number;
      concealedMs: number;
      roundTripMs?: number;
      score?: number;
      remoteScore?: number;
      remoteLoss?: number;
    }
  /**
   * The self-test of loudspeaker and microphone. `cut`: something more important began. `clearDb`: how far the chirp stood out;
   * below 10 the rest means nothing. `bandsDb`: 250, 500, 1000, 2000, 4000 and 6300 Hz, relative to `gainDb`.
   */
  | {
      type: 'selftest';
      result: 'passed' | 'failed' | 'cut';
      kind: 'test' | 'commissioning';
      reason: string;
      /** `socket`, `mqtt`, `web` or `schedule`. */
      by: string;
      tries: number;
      clearDb?: number;
      gainDb?: number;
      delayMs?: number;
      bandsDb?: readonly number[];
      distortionPercent?: number;
      ambientDbfs?: number;
    }
  | { type: 'mailbox'; account: string; waiting: boolean; fresh?: number; old?: number }
  | { type: 'reload'; state: 'now' | 'later'; reason: string }
  | { type: 'command'; verb: string; source: Source; ok: boolean; reason?: string };

export interface CallStatus {
  call: string;
  kind: 'call' | 'page';
  direction: 'outgoing' | 'incoming';
  state: 'calling' | 'ringing' | 'connected' | 'held' | 'waiting';
  peer: string;
  priority: Priority;
  plan?: string;
  conference?: boolean;
  /** Something more important sounds, and it is heard all the same. */
  lowered?: 'duck' | 'mix';
  /** What protects its sound; absent: nothing, or nothing yet. */
  encryption?: 'srtp' | 'dtls-srtp';
  /** How long the call has been in this state; of a held one, how long it has been connected. */
  sinceMs: number;
}

/** What `status --json` and the retained `…/status` say of the terminal's own part. */
export interface TerminalStatus {
  id: string;
  name: string;
  state: LampState;
  calls: readonly CallStatus[];
  outputs: Readonly<Record<string, { on: boolean; blinkMs?: number }>>;
  buttons: Readonly<Record<string, { pressed: boolean; stuck: boolean }>>;
  faults: readonly { fault: string; reason: string }[];
  registrations: Readonly<Record<string, { registered: boolean; reason: string }>>;
  /** Text messages: those taken, and those of people whom no rule knows. */
  messages: { taken: number; refused: number };
}
