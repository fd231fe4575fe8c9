/** SIP's many ways to end, in the few words a policy can act on. */
import type { SessionEvent } from '../sip/ua/types.ts';
import type { EndCause } from '../terminal/types.ts';
import { short } from './incoming.ts';

export type End = { cause: EndCause; by: 'us' | 'peer' | 'network'; reason: string };

type Ended = Extract<SessionEvent, { type: 'ended' }>;

/** `doubted`: it was silent, and has been asked whether it is there. */
export function endOf(event: Ended, doubted: boolean): End {
  const reason = short(event.status ? `${event.status} ${event.reason}` : event.reason);
  // It gave no sign of life, or knows nothing of the call any more (481).
  if (doubted && ['timeout', 'transport', 'rejected'].includes(event.cause))
    return { cause: 'media-lost', by: 'network', reason: `no sound came, and ${reason}` };
  return { cause: endCause(event), by: event.by, reason };
}

function endCause({ cause, by, status }: Ended): EndCause {
  switch (cause) {
    case 'bye':
      return 'hangup';
    case 'cancelled':
      return 'cancelled';
    case 'local': // it could not even be begun; a call we hang up is over without this
    case 'no-ack':
      return 'failed';
    case 'transport':
      return by === 'us' ? 'failed' : 'unreachable'; // by us: there was no port for its sound
    case 'timeout':
      return 'unreachable';
    case 'rejected':
      return statusCause(status ?? 500);
  }
}

/** RFC 3261 §21.4 .. §21.6 */
function statusCause(status: number): EndCause {
  if (status === 486 || status === 600) return 'busy';
  if (status === 408 || status === 480 || status === 487) return 'no-answer';
  if (status === 403 || status === 603 || status === 607) return 'declined';
  if (status === 404 || status === 410 || status === 604 || (status >= 500 && status < 600)) return 'unreachable';
  return 'failed';
}
