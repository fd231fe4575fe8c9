/**
 * What consoles are told of our calls: RFC 4235. Only of those that rang here or were begun here: who was turned away
 * is nobody's business. With Call-ID and tags a call can be taken over (RFC 3891): who is told them is for `Subscription` to say.
 */
import { formatUri, type SipUri } from '../message/index.ts';
import type { DialogNames } from './core.ts';
import type { SessionCause, SessionEvent } from './types.ts';
import { escapeXml } from './xml.ts';

export const DIALOG_INFO_TYPE = 'application/dialog-info+xml';

export interface DialogRecord {
  readonly id: string;
  readonly direction: 'initiator' | 'recipient';
  readonly remote: string;
  readonly state: 'trying' | 'early' | 'confirmed' | 'terminated';
  /** Of a terminated one, §3.7.1. */
  readonly event?: 'cancelled' | 'rejected' | 'local-bye' | 'remote-bye' | 'error' | 'timeout';
  readonly code?: number;
}

/** The sessions of the user agent, as a console may see them. */
export class DialogBook {
  readonly #records = new Map<string, DialogRecord>();
  /** Heard of, not shown yet. */
  readonly #hidden = new Map<string, DialogRecord>();
  readonly #changed: (record: DialogRecord) => void;

  constructor(changed: (record: DialogRecord) => void) {
    this.#changed = changed;
  }

  /** Those that are not over. */
  get records(): DialogRecord[] {
    return [...this.#records.values()];
  }

  calling(id: string, remote: string): void {
    this.#put({ id, direction: 'initiator', remote, state: 'trying' });
  }

  /** The caller is told that it rings. */
  rings(id: string): void {
    this.#move(id, 'early');
  }

  answers(id: string): void {
    this.#move(id, 'confirmed');
  }

  noticed(id: string, event: SessionEvent): void {
    switch (event.type) {
      case 'incoming':
        this.#hidden.set(id, { id, direction: 'recipient', remote: nameless(event.request.from.uri), state: 'trying' });
        break;
      case 'progress':
        return this.#move(id, 'early');
      case 'accepted':
        return this.#move(id, 'confirmed');
      case 'ended': {
        this.#hidden.delete(id);
        const record = this.#records.get(id);
        this.#records.delete(id);
        if (record === undefined) return;
        const code = event.status === undefined ? {} : { code: event.status };
        this.#changed({ ...record, state: 'terminated', event: endOf(event.cause, event.by), ...code });
      }
    }
  }

  #move(id: string, state: 'early' | 'confirmed'): void {
    const record = this.#records.get(id) ?? this.#hidden.get(id);
    this.#hidden.delete(id);
    if (record !== undefined && record.state !== state) this.#put({ ...record, state });
  }

  #put(record: DialogRecord): void {
    this.#records.set(record.id, record);
    this.#changed(record);
  }
}

function endOf(cause: SessionCause, by: 'us' | 'peer' | 'network'): DialogRecord['event'] {
  switch (cause) {
    case 'bye':
      return 'remote-bye';
    case 'local':
      return by === 'us' ? 'local-bye' : 'error';
    case 'cancelled':
    case 'rejected':
    case 'timeout':
      return cause;
    default:
      return 'error';
  }
}

/** `sip:USER@HOST`: no port, no parameters. */
function nameless({ scheme, user, host }: SipUri): string {
  return formatUri({ scheme, user, host, params: new Map(), headers: [] });
}

/**
 * §4: `partial` holds what has changed since the document before. `entity`: whose calls these are. `namesOf`: of the dialog of a
 * session, its Call-ID and tags (§4.1.1), where they are known and may be told.
 */
export function formatDialogInfo(
  entity: string,
  version: number,
  state: 'full' | 'partial',
  records: readonly DialogRecord[],
  namesOf: (session: string) => DialogNames | undefined,
): string {
  const dialogs = records.map(({ id, direction, remote, state: now, event, code }) => {
    const why = event === undefined ? '' : ` event="${event}"${code === undefined ? '' : ` code="${code}"`}`;
    const names = namesOf(id);
    const tags = names && `local-tag="${escapeXml(names.localTag)}" remote-tag="${escapeXml(names.remoteTag)}" `;
    const named = names === undefined ? '' : `call-id="${escapeXml(names.callId)}" ${tags}`;
    return [
      `<dialog id="${escapeXml(id)}" ${named}direction="${direction}"><state${why}>${now}</state>`,
      `<local><identity>${escapeXml(entity)}</identity></local>`,
      `<remote><identity>${escapeXml(remote)}</identity></remote></dialog>`,
    ].join('');
  });
  return [
    '<?xml version="1.0"?>',
    `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="${version}" state="${state}" entity="${escapeXml(entity)}">`,
    ...dialogs,
    '</dialog-info>',
    '',
  ].join('\r\n');
}
