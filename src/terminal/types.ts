/**
 * The words of the terminal: what reaches its policies and what they want done. No SIP header, pin or topic here.
 * Other rooms (`mqtt`, `web`, `cli`, `call`, `app`) speak these words.
 */

/** 1 (lowest) .. 10 (help call). Higher interrupts lower, equal does not. */
export type Priority = number;

// ------------------------------------------------------------------ configuration, in the terminal's own slice

export interface CallStep {
  /** SIP URIs, rung in parallel. */
  ring: readonly string[];
  forMs: number;
}

export interface CallPlan {
  steps: readonly CallStep[];
  /** How often the steps are gone through before the plan gives up. */
  cycles: number;
  priority: Priority;
  /** A person proves to be one by this DTMF digit; absent: whoever answers is taken. */
  confirm?: { digit: string; withinMs: number };
  /** Length of the talk; a warning tone sounds `warningMs` before, the digit `prolong` starts it anew. */
  limitMs: number;
  warningMs: number;
  prolong: string;
  /** WAV file played at the terminal while the call is set up. */
  prompt?: string;
  /** What a page of higher priority does to this call. */
  interrupted: 'hold' | 'end';
}

export interface ButtonRule {
  press?: { call: string } | { dial: string } | { hangup: true };
}

export interface IncomingRule {
  /** `sip:USER@HOST`, `*` for any run of characters; `*` alone is anybody. */
  from: string;
  /** Addresses or prefixes the request may come from, beside the accounts' servers and an address named in `from`. */
  source?: readonly string[];
  answer: 'auto' | 'when-asked' | 'ring' | 'reject';
  /** `page`: the caller is heard, the microphone stays closed. `intercom`: both ways. */
  as: 'page' | 'intercom';
  priority: Priority;
  /** Answers no sooner than this; the caller's own request for a delay is honoured too. */
  delayMs: number;
  limitMs: number;
  /** What a page of higher priority does to this call. */
  interrupted: 'hold' | 'end';
  chime: boolean;
}

/** The states a lamp can follow. `fault`: any fault is raised. */
export type LampState = 'idle' | 'calling' | 'ringing' | 'connected' | 'paging' | 'held' | 'registered' | 'fault';

export interface OutputRule {
  on: readonly LampState[];
  /** Half a second on, half off: 500. Absent: steady. */
  blinkMs?: number;
}

export interface TerminalConfig {
  id: string;
  name: string;
  calls: Readonly<Record<string, CallPlan>>;
  buttons: Readonly<Record<string, ButtonRule>>;
  incoming: readonly IncomingRule[];
  outputs: Readonly<Record<string, OutputRule>>;
}

// ------------------------------------------------------------------ in

/** Who asked for something. */
export type Source = 'button' | 'socket' | 'mqtt' | 'web';

/** What an operator can ask for: the command line, MQTT and the web page speak exactly these. */
export type Command =
  | { verb: 'press'; button: string; forMs?: number }
  | { verb: 'call'; plan: string }
  | { verb: 'dial'; target: string }
  | { verb: 'hangup' }
  | { verb: 'output'; output: string; on: boolean | null }
  | { verb: 'volume'; volume: number }
  | { verb: 'play'; file: string };

/** Why a call ended. `busy`, `no-answer`, `declined`, `failed` and `unreachable` are ends before it was answered. */
export type EndCause =
  | 'hangup'
  | 'cancelled'
  | 'busy'
  | 'no-answer'
  | 'declined'
  | 'unreachable'
  | 'failed'
  | 'media-lost'
  | 'limit'
  | 'interrupted'
  | 'stopping';

export interface Caller {
  /** `sip:USER@HOST` of the From header, without parameters. */
  uri: string;
  displayName: string;
  /** IP address the request came from. */
  sourceAddress: string;
  /** The account whose server sent it, when one did: only then, or by a rule that names the address, is the caller believed. */
  account?: string;
}

export type TerminalInput =
  | { type: 'press'; button: string; source: Source }
  | { type: 'release'; button: string; heldMs: number; source: Source }
  | { type: 'stuck'; button: string; stuck: boolean; heldMs: number }
  | { type: 'command'; command: Command; source: Source }
  | {
      type: 'incoming';
      call: string;
      caller: Caller;
      to: string;
      /** The caller asked for an automatic answer: by which header, and after which delay. */
      asked?: { header: string; afterMs: number };
    }
  | { type: 'ringing'; call: string }
  | { type: 'answered'; call: string }
  | { type: 'digit'; call: string; digit: string }
  | { type: 'ended'; call: string; cause: EndCause; by: 'us' | 'peer' | 'network'; reason: string }
  /** A subsystem fell over or came back: `sip:pbx`, `mqtt`, `sound`, `gpio:help`. */
  | { type: 'fault'; fault: string; raised: boolean; reason: string }
  | { type: 'registered'; account: string; registered: boolean; reason: string }
  | { type: 'stop' };

// ------------------------------------------------------------------ out

export type Tone = 'ringback' | 'busy' | 'warning' | 'chime' | 'error';

export type TerminalAction =
  | { type: 'dial'; call: string; uri: string }
  /** `recvonly`: the microphone is never opened. */
  | { type: 'answer'; call: string; direction: 'recvonly' | 'sendrecv' }
  /** 180 to the caller; somebody at the terminal, or a delay, decides later. */
  | { type: 'alert'; call: string }
  | { type: 'reject'; call: string; code: 'declined' | 'busy' }
  | { type: 'hangup'; call: string; cause: EndCause }
  /** Silences a call in both directions, or lets it sound again; the call itself stays up. */
  | { type: 'hold'; call: string; held: boolean }
  /** Lets a call's sound through: an answered call is mute in both directions until this, so that of several only one talks. */
  | { type: 'listen'; call: string; microphone: boolean }
  | { type: 'tone'; tone: Tone; on: boolean }
  /** `prompt`: a sound file at the terminal's loudspeaker. */
  | { type: 'prompt'; file: string }
  | { type: 'volume'; volume: number }
  | { type: 'output'; output: string; on: boolean; blinkMs?: number }
  | { type: 'event'; event: TerminalEvent };

/** One line of the journal and one message on `…/event`, before it gets its `id` and times. */
export type TerminalEvent =
  | {
      type: 'press';
      button: string;
      source: Source;
      result: 'calling' | 'ignored' | 'hangup' | 'answered' | 'refused';
      reason?: string;
    }
  | { type: 'release'; button: string; heldMs: number; source: Source }
  | {
      type: 'call' | 'page';
      call: string;
      direction: 'outgoing' | 'incoming';
      state:
        | 'calling'
        | 'ringing'
        | 'answered'
        | 'connected'
        | 'held'
        | 'resumed'
        | 'waiting'
        | 'refused'
        | 'ended'
        | 'failed';
      peer: string;
      /** Why: which rule, which header, which cause. */
      reason?: string;
      cause?: EndCause;
      plan?: string;
      step?: number;
      cycle?: number;
      priority?: Priority;
      durationMs?: number;
    }
  | { type: 'output'; output: string; on: boolean; blinkMs?: number }
  | { type: 'fault'; fault: string; state: 'raised' | 'cleared'; reason: string }
  | { type: 'registration'; account: string; registered: boolean; reason: string }
  | { type: 'config'; state: 'started' | 'stopped'; version: string; reason?: string }
  | { type: 'command'; verb: string; source: Source; ok: boolean; reason?: string };

// ------------------------------------------------------------------ to look at

/** What `status --json` and the retained `…/status` say of the terminal's own part. */
export interface TerminalStatus {
  id: string;
  name: string;
  state: LampState;
  calls: readonly {
    call: string;
    kind: 'call' | 'page';
    direction: 'outgoing' | 'incoming';
    state: 'calling' | 'ringing' | 'connected' | 'held' | 'waiting';
    peer: string;
    priority: Priority;
    plan?: string;
    sinceMs: number;
  }[];
  outputs: Readonly<Record<string, { on: boolean; blinkMs?: number }>>;
  buttons: Readonly<Record<string, { pressed: boolean; stuck: boolean }>>;
  faults: readonly { fault: string; reason: string }[];
  registrations: Readonly<Record<string, { registered: boolean; reason: string }>>;
}
