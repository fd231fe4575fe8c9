/** The terminal's own slice of the configuration, as its policies read it. */

/** 1 (lowest) .. 10 (help call). Higher interrupts lower, equal does not. */
export type Priority = number;

/** A sound file, or files and texts one after the other. The terminal only hands it on. */
export type Prompt = string | readonly (string | SpokenText)[];

export interface SpokenText {
  say: string;
  /** Of espeak-ng. */
  voice: string;
}

/** What somebody higher does to what has the loudspeaker: `duck`: it is played lower; `mix`: both are heard. */
export type Interrupted = 'hold' | 'duck' | 'mix' | 'end';

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
    /** What whoever answers hears until then: what this call is, and which digit. */
    prompt?: Prompt;
  };
  /** Length of the talk; a warning tone sounds `warningMs` before, the digit `prolong` starts it anew. */
  limitMs: number;
  warningMs: number;
  prolong: string;
  /** Played at the terminal while the call is set up. */
  prompt?: Prompt;
  /** Who reached nobody may leave word: `prompt` is played, and so much is recorded at most. */
  lastResort?: { prompt?: Prompt; forMs: number };
  /** The talk is recorded, and both sides hear so. */
  record?: boolean;
  /** What a page of higher priority does to this call. */
  interrupted: Interrupted;
}

export interface ButtonRule {
  press?: { call: string } | { dial: string } | { hangup: true } | { page: string; play: Prompt };
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
  /** A page is heard in this zone, in place of here. */
  zone?: string;
  priority: Priority;
  /** Answers no sooner than this; the caller's own request for a delay is honoured too. */
  delayMs: number;
  limitMs: number;
  /** What a page of higher priority does to this call. */
  interrupted: Interrupted;
  /** What becomes of a text message of his; absent: an event, and nothing when the rule rejects. */
  message?: 'speak' | 'event' | 'reject';
  /** The call is recorded, and both sides hear so. */
  record?: boolean;
  chime: boolean;
}

/** What becomes of pages to a multicast group. */
export interface MulticastRule {
  /** Its name: `239.255.0.10:5004`. */
  group: string;
  priority: Priority;
  interrupted: Interrupted;
  chime: boolean;
}

/** Where this terminal may page. */
export interface ZoneRule {
  /** Of messages by button or command; a call has that of its rule. */
  priority: Priority;
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
  multicast?: readonly MulticastRule[];
  zones?: Readonly<Record<string, ZoneRule>>;
  outputs: Readonly<Record<string, OutputRule>>;
  /** A button held this long is reported as stuck. Absent: 60 s. */
  stuckMs?: number;
}
