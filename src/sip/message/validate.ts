/** What each message must have before a transaction may see it: RFC 3261 §8.1.1, §8.2, §16.3; verdicts of RFC 4475. */
import { SipSyntaxError } from './errors.ts';
import { replyTo, type SipMessage } from './parse.ts';

/** Throws `SipSyntaxError`, for a request with its `reply`; a response that throws is to be dropped. */
export function validate(message: SipMessage): void {
  try {
    check(message);
  } catch (error) {
    if (!(error instanceof SipSyntaxError) || message.kind === 'response') throw error;
    const reply = replyTo(message, error.status, error.message);
    throw new SipSyntaxError(error.message, { ...error, cause: error.cause, reply });
  }
}

function check(message: SipMessage): void {
  const repeated = message.repeated();
  if (repeated !== undefined) throw new SipSyntaxError(`Cannot use message: more than one ${repeated}`);
  const { via, cseq } = message;
  if (via.version !== '2.0') {
    throw new SipSyntaxError(`Cannot use message: Via says SIP/${via.version}`, { status: 505 });
  }
  void message.from;
  void message.to;
  void message.callId;
  if (message.kind === 'response') return;
  if (cseq.method !== message.method) {
    throw new SipSyntaxError(`Cannot use message: ${message.method} with CSeq method ${cseq.method}`);
  }
  // The scheme may be any (416 is the UA's word), the form may not.
  message.parsedUri();
  void message.from.uri;
  void message.to.uri;
  for (const address of message.contacts) void address.uri;
  for (const address of message.routes) void address.uri;
  for (const address of message.recordRoutes) void address.uri;
}
