/** What the user agent is told and what it wants done. Bodies are bytes and a content type: no SDP here. */
import type { Hop } from '../message/hop.ts';
import type { SipMessage, SipRequest, SipUri } from '../message/index.ts';

export interface AccountConfig {
  name: string;
  /** Address of record, `sip:USER@DOMAIN`. */
  address: string;
  /** SIP URIs by preference; empty: the domain of `address`. */
  servers: readonly string[];
  username: string;
  password: string;
  expiresMs: number;
  /** Contact behind a NAT: `rewrite` (unless said otherwise) puts the address there that the registrar sees. */
  nat?: 'rewrite' | 'off';
  /** At the first server that answers (`preferred`, the default), or at every one at once. */
  register?: 'preferred' | 'all';
  /** Publishes whether the terminal is in a call (RFC 3903). */
  presence?: boolean;
  /** Subscribes to its own registration (RFC 3680): one that the registrar loses is made anew at once. */
  watchRegistration?: boolean;
}

/** Who may speak to us, in the words of whoever has the rules. Absent: everybody. */
export interface Trust {
  /** Whether somebody who may call comes from that address or shows one of those identities; or anybody may. */
  knows(address: string, identities: readonly string[]): boolean;
  /** Whether a caller of that name (`sip:USER@HOST`) from there must prove by digest who he is. */
  challenges(from: string, address: string, identities: readonly string[]): boolean;
  /** What the others get: an answer without a word about us, or none. */
  strangers: 'refuse' | 'silent';
  realm: string;
  /** Names and passwords of those who can prove who they are. */
  users: ReadonlyMap<string, string>;
}

export interface UaConfig {
  trust?: Trust;
  accounts: readonly AccountConfig[];
  /** User-Agent and Server header. */
  product: string;
  /** User part of our Contact when no account says otherwise. */
  user: string;
  displayName: string;
  /** A server that has not answered an INVITE by then is passed over, when there is another one; absent: `FIRST_ANSWER_MS`. */
  firstAnswerMs?: number;
  /** RFC 4028: the interval our INVITEs ask for, s; 0: none. Absent: 1800. */
  sessionExpiresS?: number;
  /** How many other targets one call of ours is redirected to (3xx); 0: none. Absent: 5. */
  redirects?: number;
  /** A UUID that stays the same for the life of the device (RFC 5626 §4.1); absent: registrations have no flow of their own. */
  instance?: string;
  /** How a request goes that is too large for a datagram (§18.1.1): `tcp` unless said otherwise. */
  oversize?: 'tcp' | 'udp';
  /** Whether somebody at this address may subscribe to our state; the accounts' servers may. */
  mayWatch?: (address: string) => boolean;
}

/** A request as it will go out. */
export interface Prepared {
  /** The same object as in the output `send`. */
  readonly message: SipRequest;
  readonly hop: Hop;
  readonly transaction: string;
  readonly bytes: Uint8Array;
}

/** What happened below that concerns no single request. */
export type TransportChange =
  /** Links, addresses or routes of this machine are others by now. */
  | { kind: 'network' }
  /** A connection has ended. */
  | { kind: 'flow'; flow: string };

export interface Body {
  contentType: string;
  bytes: Uint8Array;
}

export type RegistrationState = 'registering' | 'registered' | 'failed' | 'unregistered';

/** Why a session ended; `status` is the SIP status when one came. */
export type SessionCause = 'bye' | 'cancelled' | 'rejected' | 'timeout' | 'transport' | 'no-ack' | 'local';

export type SessionEvent =
  /** An INVITE outside a dialog. 100 has been sent. `account`: it came from that account's server. */
  | {
      type: 'incoming';
      request: SipRequest;
      hop: Hop;
      account?: string;
      /** Who has proven by digest to be the caller. */
      user?: string;
      offer?: Body;
      /** The session it takes the place of (RFC 3891): once it is accepted, that one is to be ended. */
      replaces?: string;
    }
  /** An INVITE of somebody unknown has been turned away: there is no session. */
  | { type: 'stranger'; request: SipRequest; hop: Hop }
  /**
   * 101..199 to our INVITE, by the branch of that name (a fork has several). `body`: its answer, or a foretaste of it; with
   * `offer` its offer, as our INVITE had none, to be answered with `answerOffer`.
   */
  | { type: 'progress'; status: number; reason: string; body?: Body; branch?: string; offer?: true }
  /** 3xx to our INVITE: who is called now, in place of `by`. */
  | { type: 'redirected'; by: string; status: number; to: string }
  /**
   * First 2xx to our INVITE; the ACK is on its way. Further ones of a forked INVITE are ACKed and ended with BYE by the UA.
   * `account`: the call goes by that account's server. `focus`: the other side is a conference (RFC 4579). No `body`: what its
   * branch agreed on before stands. With `offer` as for `progress`: the ACK waits for `answerOffer`.
   */
  | { type: 'accepted'; body?: Body; account?: string; focus?: boolean; branch?: string; offer?: true }
  /** The PRACK to a 1xx of ours (RFC 3262); `body` is the answer when that carried our offer. */
  | { type: 'pracked'; body?: Body }
  /** The ACK to our 2xx; `body` is the answer when our 2xx carried the offer. */
  | { type: 'confirmed'; body?: Body }
  /**
   * re-INVITE, UPDATE or PRACK of the other side: to be answered with `answerOffer` (no `offer`: we must make one). `branch`:
   * one of those that have not answered our INVITE.
   */
  | { type: 'offered'; offer?: Body; branch?: string }
  /** Our re-INVITE or UPDATE was answered. */
  | { type: 'reaccepted'; body?: Body }
  | { type: 'rerejected'; status: number; reason: string }
  /**
   * The session is to be offered anew as it is (`reinvite`): a sign of life, or the refresh of RFC 4028. `hop`: our address on
   * the way there is another one now, which the offer has to name.
   */
  | { type: 'refresh'; hop?: Hop }
  /** By a re-INVITE or UPDATE the other side has become the focus of a conference (RFC 4579 §5.1), or is none any more. */
  | { type: 'focus'; focus: boolean }
  /** INFO and the like inside the session; already answered. */
  | { type: 'info'; request: SipRequest }
  /**
   * REFER: we are asked to call `target`. To be answered by an `invite` that names the referral, or by `declineReferral`.
   * `inside`: it came in this session, which the call takes the place of: when it is answered and the other side has been
   * told, the UA ends this one. Otherwise the session is the referral itself, and nobody has vouched for its sender yet.
   */
  | {
      type: 'referred';
      referral: string;
      inside: boolean;
      target: string;
      /** `target` talks with who refers us, and the new call replaces that talk. */
      attended: boolean;
      referredBy?: string;
      request: SipRequest;
      hop: Hop;
      account?: string;
      /** Who has proven by digest to have sent it. */
      user?: string;
    }
  /** What becomes of our `refer`; `done` and `failed` are the last word. `status` 0: it was not even sent. */
  | { type: 'referring'; state: 'trying' | 'done' | 'failed'; status: number; reason: string }
  | { type: 'ended'; cause: SessionCause; by: 'us' | 'peer' | 'network'; status?: number; reason: string };

export type UaOutput =
  /** To the wire. `transaction` comes back in `transportFailed` when it could not be sent. */
  | { kind: 'send'; message: SipMessage; hop: Hop; transaction?: string }
  /** Find the next hops of `uri`; `resolved(query, hops)` continues, at once for an IP literal. */
  | { kind: 'resolve'; query: string; uri: SipUri }
  | {
      kind: 'registration';
      account: string;
      state: RegistrationState;
      status?: number;
      reason: string;
      expiresMs?: number;
    }
  | { kind: 'session'; session: string; event: SessionEvent }
  /** A MESSAGE (RFC 3428), to be answered with `answerMessage`. `account`: it came from that account's server. */
  | { kind: 'message'; message: string; request: SipRequest; hop: Hop; account?: string; user?: string; text: string }
  /** NOTIFY without a subscription; already answered. Without `account` it came from the other side of `session`. */
  | { kind: 'notice'; account?: string; notice: Notice };

/** What PBXs tell their phones by NOTIFY. */
export type Notice =
  /** `session`: the call in whose dialog it came. */
  | { type: 'talk' | 'hold'; session?: string }
  | { type: 'check-sync'; reboot: boolean }
  /** RFC 3842. */
  | { type: 'messages'; waiting: boolean; fresh?: number; old?: number };

/** What a provisional response of ours says. */
export interface Early {
  status?: 180 | 183;
  body?: Body;
}

export interface Invitation {
  /** Chosen by the caller: unique among the sessions of this UA. */
  session: string;
  /** SIP URI to call: by the account whose domain or server it names, else directly. */
  target: string;
  /**
   * The offer. Made when the next hop is known, for it names our address on the way there; made anew for another hop. None: the
   * other side makes it. A `CodedError` it throws ends the session (`transport`, by us). `account`: the one by whose server it goes.
   */
  body: (hop: Hop, account?: string) => Body | undefined;
  headers?: readonly (readonly [name: string, value: string])[];
  /** The call follows this referral: its Replaces and Referred-By go along, its fate is told by NOTIFY. */
  referral?: string;
}
