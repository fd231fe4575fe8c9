/** The words the transaction room speaks: RFC 3261 §17. */
import type { Hop, SipMessage, SipRequest, SipResponse } from '../message/index.ts';

/** What is to be done, in order. */
export type TransactionOutput =
  /** To the wire. `transaction` comes back in `transportFailed` when it could not be sent. */
  | { kind: 'send'; message: SipMessage; hop: Hop; transaction?: string }
  /** A new request for the transaction user. An ACK to a 2xx comes without `transaction`: it is not to be answered. */
  | { kind: 'request'; request: SipRequest; hop: Hop; transaction?: string }
  /** Every provisional and final response to a request of ours; each 2xx to an INVITE, repeated ones too (RFC 6026 §7.2). */
  | { kind: 'response'; transaction: string; response: SipResponse; hop: Hop }
  | { kind: 'terminated'; transaction: string; cause: TerminationCause; reason?: string };

/** `timeout`: no answer (client: timers B, F), no ACK (server: H). */
export type TerminationCause = 'done' | 'timeout' | 'transport';

/** RFC 3261 table 4, ms. */
export interface Timing {
  /** Round-trip time estimate. */
  readonly t1Ms: number;
  /** Longest interval between repeated non-INVITE requests and INVITE responses. */
  readonly t2Ms: number;
  /** Longest life of a message in the network. */
  readonly t4Ms: number;
}

export const DEFAULT_TIMING: Timing = { t1Ms: 500, t2Ms: 4000, t4Ms: 5000 };

/** What one machine says; the layer adds the hop and the transaction's name. */
export type MachineOutput =
  | { kind: 'send'; message: SipMessage }
  | { kind: 'pass'; message: SipMessage }
  | { kind: 'terminated'; cause: TerminationCause; reason?: string };
