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
  /** All steps at once: nobody is waited for. */
  race?: boolean;
  /** How often the steps are gone through before the plan gives up. */
  cycles: number;
  priority: Priority;
  /** A person proves to be one by this DTMF digit; absent: whoever answers is taken. */
  confirm?: {
    digit: string;
    withinMs: number;
    /** WAV file that whoever answers hears until then: what this call is, and which digit. */
    prompt?: string;
  };
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
  /**
   * Addresses or prefixes the request may come from, beside an address named in `from`. Of `source`, `identity` and
   * `authenticated`, all that a rule names must hold; what an account's server sent needs none of them.
   */
  source?: readonly string[];
  /** The caller's certificate must show one of these (TLS, RFC 5922 §7.1), `*` for any run of characters. */
  identity?: readonly string[];
  /** The caller must prove by digest to be one of these users. */
  authenticated?: readonly string[];
  answer: 'auto' | 'when-asked' | 'ring' | 'reject';
  /** What `info=alert-autoanswer` without a delay asks for; absent: an answer at once. */
  undelayed?: 'answer' | 'ring';
  /** `page`: the caller is heard, the microphone stays closed. `intercom`: both ways. */
  as: 'page' | 'intercom';
  priority: Priority;
  /** Answers no sooner than this; the caller's own request for a delay is honoured too. */
  delayMs: number;
  limitMs: number;
  /** What a page of higher priority does to this call. */
  interrupted: 'hold' | 'end';
  /** What becomes of a text message of his; absent: an event, and nothing when the rule rejects. */
  message?: 'speak' | 'event' | 'reject';
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
  /** A button held this long is reported as stuck. Absent: 60 s. */
  stuckMs?: number;
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
  /** The other side of the call that talks is asked to talk with TARGET instead of us. */
  | { verb: 'transfer'; target: string }
  /** DTMF into the call that talks. */
  | { verb: 'digits'; digits: string }
  /** `null`: follows the state of the terminal again. */
  | { verb: 'output'; output: string; on: boolean | null }
  | { verb: 'volume'; volume: number }
  | { verb: 'play'; file: string }
  | { verb: 'say'; text: string }
  /** The configuration is read anew. */
  | { verb: 'reload' };

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
  /** What his certificate shows, when he called over TLS and it was found good. */
  identities?: readonly string[];
  /** Who he has proven to be, by digest. */
  user?: string;
}

/** A call that wants in. `call` is its name in all that follows, chosen by whoever reports it. */
export interface Incoming {
  type: 'incoming';
  call: string;
  caller: Caller;
  to: string;
  /** The caller asked for an automatic answer: by which header, and after which delay. */
  asked?: Asked;
  /** The caller wants a person to answer (RFC 5373 `Manual`), by this header; `required`: or nobody. */
  manual?: { header: string; required: boolean };
  /** The caller is a conference. */
  conference?: boolean;
}

/** `required`: with an automatic answer or not at all (RFC 5373 `Auto;require`). */
export interface Asked {
  header: string;
  afterMs: number;
  required?: boolean;
  /** Alert-Info of the kind that some senders write for an answer at once, and others for a ring until a delay is named. */
  undelayed?: boolean;
}

/** A call that moves from one at the other end to another. `call` stays its name all the way. */
export type TransferInput =
  /** The other side asks us to talk with `to` instead; to be answered with `follow` or `stay`. */
  | { type: 'transfer'; call: string; to: string; transfer: string }
  /** We follow, and who asked for it has hung up already: until `to` answers there is nobody. */
  | { type: 'left'; call: string; to: string }
  /** From now on it is a call with `to`; nothing else about it has changed. */
  | { type: 'transferred'; call: string; to: string; conference?: boolean }
  /** We followed, but `to` was not to be had: it is still the old call. */
  | { type: 'not-transferred'; call: string; to: string; reason: string }
  /** What became of our `refer`. */
  | { type: 'handed-over'; call: string; to: string; ok: boolean; reason: string };

export type TerminalInput =
  /** Before anything else: the lamps are set. */
  | { type: 'start' }
  /** A button goes down (`active`) or comes up. Press, release and stuck are made of these here. */
  | { type: 'edge'; button: string; active: boolean; source: Source }
  | { type: 'command'; command: Command; source: Source }
  | Incoming
  /** A call has been turned away before it was one: no rule lets it in, or for this `reason`. */
  | { type: 'stranger'; incoming: Incoming; reason?: string }
  | TransferInput
  /** Somebody with whom no call is up asks us to call `to`; to be answered with a `dial` that names it, or with `stay`. */
  | { type: 'referral'; transfer: string; caller: Caller; to: string }
  /** Our `dial` rings at the other side. */
  | { type: 'ringing'; call: string }
  /** What the other side of our `dial` plays before it takes it can be heard, or has ceased: announcements, its own ringback. */
  | { type: 'early'; call: string; on: boolean }
  /** `by` sent our `dial` on to somebody else. */
  | { type: 'redirected'; call: string; by: string; to: string }
  /** The other side took our `dial`, or our `answer` is on its way and sound can flow. */
  | { type: 'answered'; call: string; conference?: boolean }
  /** A DTMF digit of the other side; heard while the call is mute, too. */
  | { type: 'digit'; call: string; digit: string }
  | { type: 'ended'; call: string; cause: EndCause; by: 'us' | 'peer' | 'network'; reason: string }
  /** A text message, to be answered by the action `message`. `text` can be shown and spoken as it is. */
  | { type: 'message'; message: string; caller: Caller; text: string }
  /** A telephone system steers a call: `talk` takes it or goes on with it, `hold` silences it. Absent: the one there is. */
  | { type: 'steer'; wish: 'talk' | 'hold'; call?: string; by: string }
  /** The telephone system asks us to read the configuration anew. */
  | { type: 'check-sync'; by: string; reboot: boolean }
  /** What the mailbox of an account holds. */
  | { type: 'mailbox'; account: string; waiting: boolean; fresh?: number; old?: number }
  /** A subsystem fell over or came back: `mqtt`, `sound`, `gpio:help`. */
  | { type: 'fault'; fault: string; raised: boolean; reason: string }
  /** The outcome of a registration, once it is known. An account that is not registered is the fault `sip:ACCOUNT`. */
  | { type: 'registered'; account: string; registered: boolean; reason: string }
  | { type: 'stop' };

// ------------------------------------------------------------------ out

export type Tone = 'ringback' | 'busy' | 'warning' | 'chime' | 'error';

export type TerminalAction =
  | { type: 'dial'; call: string; uri: string; transfer?: string }
  /** Calls `to`, who takes the place of the other side as soon as he answers. */
  | { type: 'follow'; call: string; transfer: string; to: string }
  /** No to a `transfer` or `referral`. */
  | { type: 'stay'; transfer: string }
  /** Asks the other side to call `to` in our place. */
  | { type: 'refer'; call: string; to: string }
  /** `recvonly`: the microphone is never opened. */
  | { type: 'answer'; call: string; direction: 'recvonly' | 'sendrecv' }
  /** 180 to the caller; somebody at the terminal, or a delay, decides later. */
  | { type: 'alert'; call: string }
  /** 603, 486, 480, 403. The call is over with this: no `ended` need follow. */
  | { type: 'reject'; call: string; code: 'declined' | 'busy' | 'unavailable' | 'forbidden' }
  /** The call is over with this, whatever state it is in: no `ended` need follow, and one that does is ignored. */
  | { type: 'hangup'; call: string; cause: EndCause }
  /** Silences a call in both directions, or lets it sound again; the call itself stays up. */
  | { type: 'hold'; call: string; held: boolean }
  /** Lets a call's sound through, or not with `speaker: false`: an answered call is mute in both directions until this, so that of several only one talks. */
  | { type: 'listen'; call: string; microphone: boolean; speaker?: boolean }
  | { type: 'digits'; call: string; digits: string }
  | { type: 'tone'; tone: Tone; on: boolean }
  /** A sound file for the other side of a call, which is mute until `listen`. */
  | { type: 'announce'; call: string; file: string }
  /** `prompt`: a sound file at the terminal's loudspeaker. */
  | { type: 'prompt'; file: string }
  /** A prompt that still plays is cut short: somebody talks now. */
  | { type: 'silence' }
  | { type: 'volume'; volume: number }
  | { type: 'message'; message: string; taken: boolean }
  /** Text to speech at the terminal's loudspeaker. */
  | { type: 'speak'; text: string }
  /** Nothing goes on: now is the time. */
  | { type: 'reload' }
  | { type: 'output'; output: string; on: boolean; blinkMs?: number }
  | { type: 'event'; event: TerminalEvent };

/**
 * What happens to a call. One call of a plan keeps one `call`, however many phones it rings; an own call ends with exactly
 * one `ended` (it was taken, or given up on purpose) or `failed` (it reached nobody), an incoming one with one `ended` or
 * `refused`. `early`: what this phone's side plays before it answers is heard here. `redirected`: it sent the call on; `reason` says whither.
 * `unreached`: this phone did not take it, the plan goes on. `lost`: the network took a talk away, the plan begins anew.
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
    | 'connected'
    | 'prolonged'
    | 'held'
    | 'resumed'
    | 'transferring'
    | 'transferred'
    | 'transfer-failed'
    | 'lost'
    | 'waiting'
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
}

/** One line of the journal and one message on `…/event`, before it gets its `id` and times. */
export type TerminalEvent =
  | {
      type: 'press';
      button: string;
      source: Source;
      result: 'calling' | 'ignored' | 'hangup' | 'answered' | 'refused';
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
  | { type: 'mailbox'; account: string; waiting: boolean; fresh?: number; old?: number }
  | { type: 'reload'; state: 'now' | 'later'; reason: string }
  | { type: 'command'; verb: string; source: Source; ok: boolean; reason?: string };

// ------------------------------------------------------------------ to look at

export interface CallStatus {
  call: string;
  kind: 'call' | 'page';
  direction: 'outgoing' | 'incoming';
  state: 'calling' | 'ringing' | 'connected' | 'held' | 'waiting';
  peer: string;
  priority: Priority;
  plan?: string;
  conference?: boolean;
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
