/**
 * NOTIFY that nobody subscribed to, as PBXs send it to their phones: `talk` and `hold` steer a call, `check-sync` asks
 * for the configuration to be read anew, `message-summary` (RFC 3842) says that messages wait.
 */
import type { SipRequest } from '../message/index.ts';
import { type EventName, eventOf } from './event.ts';
import type { Notice } from './types.ts';

/** Longer bodies are not read. */
const BODY_BYTES_MAX = 4_096;

export const NOTICES: readonly string[] = ['talk', 'hold', 'check-sync', 'message-summary'];

/** `session`: the call in whose dialog it came. Undefined: no event of these. */
export function noticeOf(request: SipRequest, session: string | undefined): Notice | undefined {
  const event = eventOf(request);
  switch (event?.name) {
    case 'talk':
    case 'hold':
      return { type: event.name, ...(session !== undefined && { session }) };
    case 'check-sync':
      return { type: 'check-sync', reboot: wantsReboot(event) };
    case 'message-summary':
      return messagesOf(request);
    default:
      return undefined;
  }
}

/** Polycom and its likes: `check-sync;reboot=false` reads the configuration only. */
const wantsReboot = ({ params }: EventName): boolean => params.get('reboot')?.toLowerCase() === 'true';

/** RFC 3842 §5.2: `Voice-Message: NEW/OLD (URGENT NEW/URGENT OLD)`. A body that says nothing means none. */
function messagesOf(request: SipRequest): Notice {
  const text = request.body.length > BODY_BYTES_MAX ? '' : Buffer.from(request.body).toString('latin1');
  const waiting = /^messages-waiting[ \t]*:[ \t]*yes\b/im.test(text);
  const [, fresh, old] = /^voice-message[ \t]*:[ \t]*(\d{1,9})[ \t]*\/[ \t]*(\d{1,9})/im.exec(text) ?? [];
  return {
    type: 'messages',
    waiting,
    ...(fresh !== undefined && { fresh: Number(fresh), old: Number(old) }),
  };
}
