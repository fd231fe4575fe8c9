/**
 * The words of the terminal: what reaches its policies and what they want done. No SIP header, pin or topic here.
 * Other rooms (`mqtt`, `web`, `cli`, `call`, `app`) speak these words.
 */

import type { TerminalEvent } from './events.ts';
import type { Prompt } from './slice.ts';

export type * from './events.ts';
export type * from './slice.ts';

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
  /** The call that talks is silent, and stays there; `resume`: whoever was put on hold is heard again. */
  | { verb: 'hold' }
  | { verb: 'resume' }
  /** DTMF into the call that talks. */
  | { verb: 'digits'; digits: string }
  /** `null`: follows the state of the terminal again. */
  | { verb: 'output'; output: string; on: boolean | null }
  | { verb: 'volume'; volume: number }
  | { verb: 'play'; file: string }
  | { verb: 'say'; text: string }
  /** A sound file into a zone. */
  | { verb: 'page'; zone: string; file: string }
  /** A chirp through loudspeaker and microphone; `baseline`: what later ones are compared with. */
  | { verb: 'selftest'; baseline: boolean }
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
  /** The other side has become a conference, or is one person again. */
  | { type: 'merged'; call: string; conference: boolean }
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
  /** Its sound is encrypted from now on, `by` what and how. */
  | { type: 'encrypted'; call: string; by: string }
  /** The other side has put us on hold, or has taken us off again. */
  | { type: 'waiting'; call: string; on: boolean }
  /** A DTMF digit of the other side; heard while the call is mute, too. */
  | { type: 'digit'; call: string; digit: string }
  | { type: 'ended'; call: string; cause: EndCause; by: 'us' | 'peer' | 'network'; reason: string }
  /** A text message, to be answered by the action `message`. `text` can be shown and spoken as it is. */
  | { type: 'message'; message: string; caller: Caller; text: string }
  /** A telephone system steers a call: `talk` takes it or goes on with it, `hold` silences it. Absent: the one there is. */
  | { type: 'steer'; wish: 'talk' | 'hold'; call?: string; by: string }
  /** Somebody pages a group we listen to; unheard until `listen`. `caller`: as the sender says. */
  | { type: 'multicast'; page: string; group: string; from: string; caller?: string }
  | { type: 'multicast-over'; page: string; reason: string }
  /** Told now and then, however often it happens. */
  | { type: 'multicast-refused'; group: string; from: string; reason: string }
  /** A page of ours, or the relaying of a call, is over; `reason`: it could not be sent. */
  | { type: 'zone-sent'; page: string; reason?: string }
  /** The telephone system asks us to read the configuration anew. */
  | { type: 'check-sync'; by: string; reboot: boolean }
  /** The answer to `leave-word`: how much was recorded; absent: nothing could be, and `reason` says why. */
  | { type: 'word-left'; call: string; recordedMs?: number; reason?: string }
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
  /**
   * Lets a call's sound through, or not with `speaker: false`: an answered call is mute in both directions until this, so that of
   * several only one talks. `zone`: it sounds there, and not here.
   */
  | { type: 'listen'; call: string; microphone: boolean; speaker?: boolean; zone?: string }
  /** Something more important sounds: this call is played lower, or as before. */
  | { type: 'duck'; call: string; ducked: boolean }
  /** A recorded message into a zone. */
  | { type: 'zone'; page: string; zone: string; prompt: Prompt }
  | { type: 'digits'; call: string; digits: string }
  /** Both sides of a call are recorded from now on. */
  | { type: 'record'; call: string }
  /** `prompt` is played, then the microphone recorded for `forMs` at most; `left` is the answer. Or, without, it ends now. */
  | { type: 'leave-word'; call: string; prompt?: Prompt; forMs: number }
  | { type: 'word-over'; call: string }
  | { type: 'tone'; tone: Tone; on: boolean }
  /** A sound file for the other side of a call, which is mute until `listen`. */
  | { type: 'announce'; call: string; prompt: Prompt }
  /** At the terminal's loudspeaker. */
  | { type: 'prompt'; prompt: Prompt }
  /** A prompt that still plays is cut short: somebody talks now. */
  | { type: 'silence' }
  | { type: 'volume'; volume: number }
  | { type: 'message'; message: string; taken: boolean }
  /** Text to speech at the terminal's loudspeaker. */
  | { type: 'speak'; text: string }
  /** `by`: who asked for it. */
  | { type: 'selftest'; by: string; baseline: boolean }
  /** Nothing goes on: now is the time. */
  | { type: 'reload' }
  | { type: 'output'; output: string; on: boolean; blinkMs?: number }
  | { type: 'event'; event: TerminalEvent };
