/** The Replaces header field, RFC 3891: which dialog a new call takes the place of. */

import { dialogId } from '../dialog/index.ts';
import { parseParams, type SipRequest, SipSyntaxError, shown } from '../message/index.ts';

/** Call-ID and tags beyond this are none of ours. */
const REPLACES_MAX = 512;

export interface Replaces {
  callId: string;
  /** As the one who is asked sees them: its own tag, and that of its peer. */
  toTag: string;
  fromTag: string;
  earlyOnly: boolean;
}

/** Throws `SipSyntaxError`. */
export function parseReplaces(text: string): Replaces {
  const semicolon = text.indexOf(';');
  const callId = text.slice(0, semicolon).trim();
  if (text.length > REPLACES_MAX || semicolon < 0 || callId === '' || /\s/.test(callId)) return fail(text);
  const params = parseParams(text.slice(semicolon), 'Replaces');
  const [toTag, fromTag] = [params.get('to-tag'), params.get('from-tag')];
  if (!toTag || !fromTag) return fail(text);
  return { callId, toTag, fromTag, earlyOnly: params.has('early-only') };
}

export function formatReplaces({ callId, toTag, fromTag, earlyOnly }: Replaces): string {
  return `${callId};to-tag=${toTag};from-tag=${fromTag}${earlyOnly ? ';early-only' : ''}`;
}

/** §3: the names under which our table of dialogs may have it. A tag of 0 also stands for none at all (RFC 2543 peers). */
export function replacedIds({ callId, toTag, fromTag }: Replaces): string[] {
  const ids = [dialogId(callId, toTag, fromTag)];
  if (toTag === '0' || fromTag === '0') {
    ids.push(dialogId(callId, toTag === '0' ? '' : toTag, fromTag === '0' ? '' : fromTag));
  }
  return ids;
}

/** §3: once, in an INVITE, and not beside Join; whatever else has it is refused with 400. */
export function replacesMisused(request: SipRequest): boolean {
  const count = request.headers('Replaces').length;
  return count > 0 && (count > 1 || request.method !== 'INVITE' || request.has('Join'));
}

function fail(text: string): never {
  throw new SipSyntaxError(`Cannot parse Replaces ${shown(text)}: a Call-ID, to-tag and from-tag are needed`);
}
