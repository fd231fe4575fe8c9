/** What comes beside calls, in the words of the terminal: text messages, and what a telephone system tells us. */
import type { UaOutput } from '../sip/ua/types.ts';
import type { TerminalInput } from '../terminal/types.ts';
import { callerOf, readable } from './incoming.ts';

export function messageIn(output: Extract<UaOutput, { kind: 'message' }>): TerminalInput {
  const { request, hop, account, user, message, text } = output;
  const caller = callerOf(request, hop.remote.host, account, { identities: hop.identities, user });
  return { type: 'message', message, caller, text: readable(text) };
}

/** `callOf`: the call of a session. */
export function noticeIn(
  { notice, account }: Extract<UaOutput, { kind: 'notice' }>,
  callOf: (session: string) => string,
): TerminalInput {
  const by = account === undefined ? 'the other side' : `the server of account ${account}`;
  switch (notice.type) {
    case 'talk':
    case 'hold': {
      const call = notice.session === undefined ? undefined : callOf(notice.session);
      return { type: 'steer', wish: notice.type, call, by: `NOTIFY ${notice.type} of ${by}` };
    }
    case 'check-sync':
      return { type: 'check-sync', by: `NOTIFY check-sync of ${by}`, reboot: notice.reboot };
    case 'messages': {
      const { waiting, fresh, old } = notice;
      return { type: 'mailbox', account: account ?? '', waiting, ...(fresh !== undefined && { fresh, old }) };
    }
  }
}
