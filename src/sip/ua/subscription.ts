/** One subscription of a console, RFC 6665 §4.2: granted, refreshed, told of changes, ended. */
import { Timers } from '../../base/index.ts';
import type { Dialog } from '../dialog/index.ts';
import { createResponse, type Hop, type SipRequest, type SipResponse } from '../message/index.ts';
import type { Account } from './account.ts';
import type { Core, DialogNames, InDialog, Machine } from './core.ts';
import { DIALOG_INFO_TYPE, type DialogBook, type DialogRecord, formatDialogInfo } from './dialog-info.ts';
import { type EventName, eventOf } from './event.ts';
import { type HeaderField, retryAfterMs } from './headers.ts';
import { sendInside } from './inside.ts';

/** Seconds: what is granted to who asks for nothing or for more, and the least that can be asked for. */
const SUBSCRIPTION_MAX_S = 3_600;
export const SUBSCRIPTION_MIN_S = 60;
/** RFC 4235 §3.10: no more than one NOTIFY a second to each. */
const NOTIFY_EVERY_MS = 1_000;
/** A refused NOTIFY that says when to try again is tried so often. */
const RETRIES_MAX = 3;
/** Calls whose changes wait to be told. */
const CHANGES_MAX = 100;

export const PACKAGES: readonly string[] = ['dialog', 'message-summary'];
export const ALLOW_EVENTS: HeaderField = ['Allow-Events', PACKAGES.join(', ')];
export const TYPES: Readonly<Record<string, string>> = {
  dialog: DIALOG_INFO_TYPE,
  'message-summary': 'application/simple-message-summary',
};

/** Messages that wait to be listened to, RFC 3842. */
export interface Waiting {
  readonly fresh: number;
  readonly old: number;
}

export interface Surroundings {
  core: Core;
  book: DialogBook;
  waiting(): Waiting;
  allowed(request: SipRequest | undefined, hop: Hop): boolean;
  gone(id: string): void;
}

export class Subscription implements Machine, InDialog {
  readonly id: string;
  readonly #around: Surroundings;
  readonly #dialog: Dialog;
  readonly #account: Account | undefined;
  readonly #event: EventName;
  readonly #entity: string;
  readonly #contact: string;
  readonly #timers = new Timers<'expires' | 'notify'>();
  /** Where the SUBSCRIBE came from last. */
  #hop: Hop;
  #expiresAt = 0;
  #version = 0;
  /** What the next NOTIFY holds beside what it must. */
  #want: 'nothing' | 'changes' | 'all' = 'all';
  #changes = new Map<string, DialogRecord>();
  #underWay = false;
  #lastAt = Number.NEGATIVE_INFINITY;
  #retries = 0;
  #over = false;

  constructor(
    around: Surroundings,
    dialog: Dialog,
    hop: Hop,
    account: Account | undefined,
    event: EventName,
    entity: string,
    contact: string,
  ) {
    this.#around = around;
    this.#dialog = dialog;
    this.id = dialog.id;
    this.#hop = hop;
    this.#account = account;
    this.#event = event;
    this.#entity = entity;
    this.#contact = contact;
    around.core.dialogs.set(this.id, this);
    around.core.machines.add(this);
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  timeout(now: number): void {
    for (const name of this.#timers.due(now)) {
      if (name === 'expires') return this.end('timeout', now);
      this.#notify(now);
    }
  }

  acknowledged(): void {
    // There is no INVITE here.
  }

  /** Refresh and unsubscription, §4.2.1.1. */
  request(request: SipRequest, hop: Hop, transaction: string, now: number): void {
    const { core, allowed } = this.#around;
    if (!this.#dialog.admit(request)) return core.answer(transaction, request, 500, now, 'CSeq Out Of Order');
    if (request.method !== 'SUBSCRIBE') return core.answer(transaction, request, 481, now);
    if (eventOf(request)?.name !== this.#event.name) return core.answer(transaction, request, 489, now);
    if (!allowed(request, hop)) {
      core.answer(transaction, request, 403, now);
      return this.end('rejected', now);
    }
    const seconds = grantedSeconds(request);
    if (seconds === undefined) {
      return core.answer(transaction, request, 423, now, undefined, [['Min-Expires', String(SUBSCRIPTION_MIN_S)]]);
    }
    this.#hop = { ...hop, local: this.#hop.local };
    this.#dialog.refresh(request);
    this.grant(request, transaction, seconds, now);
  }

  /** 200, and the NOTIFY that must follow at once (§4.2.1.2). */
  grant(request: SipRequest, transaction: string, seconds: number, now: number): void {
    const { core } = this.#around;
    const response = createResponse(request, 200, undefined, {
      headers: [
        ['Expires', String(seconds)],
        ['Contact', this.#contact],
        ALLOW_EVENTS,
        ['Server', core.config.product],
      ],
      toTag: this.#dialog.localTag,
    });
    core.respond(transaction, response, now);
    this.#want = 'all';
    if (seconds === 0) return this.end('timeout', now);
    this.#expiresAt = now + seconds * 1_000;
    this.#timers.set('expires', this.#expiresAt);
    this.#notify(now, true);
  }

  /** More or fewer messages wait. */
  counted(): void {
    if (this.#event.name === 'message-summary') this.#due('all');
  }

  changed(record: DialogRecord): void {
    if (this.#event.name !== 'dialog') return;
    this.#changes.set(record.id, record);
    // So many at once are told as what is left of them (RFC 4235 §3.9: a full document; what it does not name is over).
    const many = this.#changes.size > CHANGES_MAX;
    if (many) this.#changes.clear();
    this.#due(many ? 'all' : 'changes');
  }

  #due(want: 'changes' | 'all'): void {
    if (this.#want !== 'all') this.#want = want;
    // At once, or when its second is over, or when the NOTIFY under way is answered.
    if (!this.#underWay) this.#timers.set('notify', Math.max(0, this.#lastAt + NOTIFY_EVERY_MS));
  }

  /** The last NOTIFY. `reason` of §4.1.3. */
  end(reason: string, now: number): void {
    if (this.#over) return;
    this.#close();
    const allowed = this.#around.allowed(undefined, this.#hop);
    // Whoever unsubscribes sees the state once more (§4.4.1); whom we do not trust any more sees none.
    const body = reason === 'timeout' && allowed ? this.#body() : undefined;
    this.#send(`terminated;reason=${allowed ? reason : 'rejected'}`, body, now, () => {});
  }

  #notify(now: number, atOnce = false): void {
    if (this.#over || this.#underWay || this.#want === 'nothing') return;
    if (!this.#around.allowed(undefined, this.#hop)) return this.end('rejected', now);
    const earliest = this.#lastAt + NOTIFY_EVERY_MS;
    if (!atOnce && earliest > now) return this.#timers.set('notify', earliest);
    this.#timers.clear('notify');
    this.#lastAt = now;
    this.#underWay = true;
    const seconds = Math.max(1, Math.round((this.#expiresAt - now) / 1_000));
    this.#send(`active;expires=${seconds}`, this.#body(), now, (failure, at) => this.#answered(failure, at));
  }

  /** Takes what is to be told. */
  #body(): string {
    const all = this.#want !== 'changes';
    const changes = this.#changes;
    this.#changes = new Map();
    this.#want = 'nothing';
    if (this.#event.name !== 'dialog') return formatSummary(this.#entity, this.#around.waiting());
    const ended = [...changes.values()].filter(({ state }) => state === 'terminated');
    const records = all ? [...this.#around.book.records, ...ended] : [...changes.values()];
    return formatDialogInfo(this.#entity, this.#version++, all ? 'full' : 'partial', records, (session) =>
      this.#namesOf(session),
    );
  }

  /**
   * RFC 4235 §4.1.1, of the branch that spoke last. Only where the NOTIFY goes to whom the SUBSCRIBE came from: over UDP anybody
   * can write another's address, and have what is told sent to a Contact of his own.
   */
  #namesOf(session: string): DialogNames | undefined {
    const { transport, remote } = this.#hop;
    const host = this.#dialog.nextHop.host.replace(/^\[|\]$/g, '');
    if (transport === 'udp' && host !== remote.host) return undefined;
    return [...this.#around.core.dialogs.values()].findLast((one) => one.session === session)?.dialog;
  }

  /** `failure`: the refusal, or undefined when nothing came at all. */
  #answered(failure: SipResponse | 'none' | undefined, now: number): void {
    if (this.#over) return;
    this.#underWay = false;
    if (failure === undefined) {
      this.#retries = 0;
      return this.#notify(now);
    }
    const laterMs = failure === 'none' ? undefined : retryAfterMs(failure);
    // §4.2.2: without a date for another try, or without any answer, the subscription is removed.
    if (laterMs === undefined || ++this.#retries > RETRIES_MAX) return this.#close();
    this.#want = 'all';
    this.#lastAt = now + Math.max(laterMs, NOTIFY_EVERY_MS) - NOTIFY_EVERY_MS;
    this.#timers.set('notify', this.#lastAt + NOTIFY_EVERY_MS);
  }

  #send(
    state: string,
    body: string | undefined,
    now: number,
    done: (failure: SipResponse | 'none' | undefined, now: number) => void,
  ): void {
    const { name, id } = this.#event;
    const headers: HeaderField[] = [
      ['Event', id === undefined ? name : `${name};id=${id}`],
      ['Subscription-State', state],
      ['Contact', this.#contact],
      ALLOW_EVENTS,
      ...(body === undefined ? [] : [['Content-Type', TYPES[name]] as const]),
    ];
    const request = {
      dialog: this.#dialog,
      near: this.#hop,
      account: this.#account,
      method: 'NOTIFY',
      headers,
      ...(body !== undefined && { body: Buffer.from(body) }),
      handler: {
        response: (response: SipResponse, _hop: Hop, at: number) => {
          if (response.status >= 200) done(response.status < 300 ? undefined : response, at);
        },
        failed: (_cause: string, _reason: string, at: number) => done('none', at),
      },
    };
    sendInside(this.#around.core, request, now);
  }

  #close(): void {
    this.#over = true;
    this.#timers.clearAll();
    const { core, gone } = this.#around;
    core.machines.delete(this);
    core.dialogs.delete(this.id);
    gone(this.id);
  }
}

/** RFC 3842 §3.5, §5.2. */
function formatSummary(entity: string, { fresh, old }: Waiting): string {
  const counts = fresh + old === 0 ? '' : `Voice-Message: ${fresh}/${old}\r\n`;
  return `Messages-Waiting: ${fresh > 0 ? 'yes' : 'no'}\r\nMessage-Account: ${entity}\r\n${counts}`;
}

/** §4.2.1.1: what we grant, or undefined when too little is asked for (423). */
export function grantedSeconds({ expires = SUBSCRIPTION_MAX_S }: SipRequest): number | undefined {
  if (expires > 0 && expires < SUBSCRIPTION_MIN_S) return undefined;
  return Math.min(expires, SUBSCRIPTION_MAX_S);
}
