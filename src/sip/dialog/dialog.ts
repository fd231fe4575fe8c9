/** A dialog and what it says about the next request, RFC 3261 §12. */
import {
  createRequest,
  formatUri,
  parseUri,
  type SipMessage,
  type SipRequest,
  type SipResponse,
  SipSyntaxError,
  type SipUri,
} from '../message/index.ts';

export type HeaderField = readonly [name: string, value: string];

interface Route {
  /** The whole value of the Route header field. */
  readonly text: string;
  readonly uri: SipUri;
}

/** §12: a dialog is named by its Call-ID and both tags. A missing tag is the empty one (RFC 2543 peers, §12.1.1). */
export function dialogId(callId: string, localTag: string, remoteTag: string): string {
  return `${callId}\n${localTag}\n${remoteTag}`;
}

/** The dialog that a request from the other side names: our tag is in To. */
export function dialogIdOf(request: SipRequest): string {
  return dialogId(request.callId, request.to.params.get('tag') ?? '', request.from.params.get('tag') ?? '');
}

interface DialogFields {
  callId: string;
  localTag: string;
  remoteTag: string;
  /** From and To of our requests, with their tags. */
  local: string;
  remote: string;
  localSequence: number;
  remoteSequence: number | undefined;
  /** We sent the INVITE, so the Call-ID is ours (§14.1 asks when both re-INVITE at once). */
  caller: boolean;
}

export class Dialog {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  readonly caller: boolean;
  readonly #local: string;
  readonly #remote: string;
  #localSequence: number;
  #remoteSequence: number | undefined;
  #routeSet: readonly Route[] = [];
  #remoteTarget = '';
  #focus = false;

  private constructor(fields: DialogFields) {
    this.callId = fields.callId;
    this.localTag = fields.localTag;
    this.remoteTag = fields.remoteTag;
    this.caller = fields.caller;
    this.#local = fields.local;
    this.#remote = fields.remote;
    this.#localSequence = fields.localSequence;
    this.#remoteSequence = fields.remoteSequence;
  }

  /** §12.1.2: made by a 1xx with a tag or a 2xx to our INVITE. */
  static uac(request: SipRequest, response: SipResponse): Dialog {
    const dialog = new Dialog({
      callId: request.callId,
      localTag: request.from.params.get('tag') ?? '',
      remoteTag: response.to.params.get('tag') ?? '',
      local: request.header('From') ?? '',
      remote: response.header('To') ?? '',
      localSequence: request.cseq.sequence,
      remoteSequence: undefined,
      caller: true,
    });
    dialog.#remoteTarget = request.uri;
    dialog.confirm(response);
    return dialog;
  }

  /** §12.1.1: made by our response to an INVITE; `localTag` is the tag we put into To. */
  static uas(request: SipRequest, localTag: string): Dialog {
    const dialog = new Dialog({
      callId: request.callId,
      localTag,
      remoteTag: request.from.params.get('tag') ?? '',
      local: `${request.header('To')};tag=${localTag}`,
      remote: request.header('From') ?? '',
      // Our own first request is numbered from here; any start below 2^31 will do (§8.1.1.5).
      localSequence: 0,
      remoteSequence: request.cseq.sequence,
      caller: false,
    });
    dialog.#routeSet = routesOf(request);
    dialog.refresh(request);
    return dialog;
  }

  /** RFC 6665 §4.4.1: made by the first NOTIFY to our SUBSCRIBE. */
  static subscriber(subscribe: SipRequest, notify: SipRequest): Dialog {
    const dialog = new Dialog({
      callId: subscribe.callId,
      localTag: subscribe.from.params.get('tag') ?? '',
      remoteTag: notify.from.params.get('tag') ?? '',
      local: subscribe.header('From') ?? '',
      remote: notify.header('From') ?? '',
      localSequence: subscribe.cseq.sequence,
      remoteSequence: notify.cseq.sequence,
      caller: true,
    });
    dialog.#remoteTarget = subscribe.uri;
    dialog.#routeSet = routesOf(notify);
    dialog.refresh(notify);
    return dialog;
  }

  get id(): string {
    return dialogId(this.callId, this.localTag, this.remoteTag);
  }

  /** From of our requests. */
  get local(): string {
    return this.#local;
  }

  /** RFC 4579 §5.1: the other side is the focus of a conference. */
  get focus(): boolean {
    return this.#focus;
  }

  get remoteTarget(): string {
    return this.#remoteTarget;
  }

  get routeSet(): readonly string[] {
    return this.#routeSet.map((route) => route.text);
  }

  /** §13.2.2.4: the 2xx makes the dialog anew: its route set is the one of the 2xx, not that of an earlier 1xx. */
  confirm(response: SipResponse): void {
    this.#routeSet = routesOf(response).reverse();
    this.refresh(response);
  }

  /** §12.2.1.2, §12.2.2: the Contact of a target refresh request, or of its 2xx, replaces the remote target. */
  refresh(message: SipMessage): void {
    try {
      const contact = message.contacts[0];
      if (contact === undefined || !isSip(contact.uri)) return;
      this.#remoteTarget = bare(contact.uri);
      this.#focus = contact.params.has('isfocus');
    } catch (error) {
      // A Contact that cannot be read moves nothing; the message it stands in may still have to be acknowledged.
      if (!(error instanceof SipSyntaxError)) throw error;
    }
  }

  /** §12.2.2: whether a request of the other side is in order; one that is not gets 500. */
  admit(request: SipRequest): boolean {
    const { sequence } = request.cseq;
    if (this.#remoteSequence !== undefined && sequence <= this.#remoteSequence) return false;
    this.#remoteSequence = sequence;
    return true;
  }

  /** The number of our next request. */
  nextSequence(): number {
    return ++this.#localSequence;
  }

  /** What our next request is sent to: the first route, else the remote target (§12.2.1.1, §8.1.2). */
  get nextHop(): SipUri {
    return this.#routeSet.length > 0 ? this.#routeSet[0].uri : parseUri(this.#remoteTarget);
  }

  /** §12.2.1.1. `sequence`: from `nextSequence`, or that of the INVITE for its ACK (§13.2.2.4). */
  request(method: string, sequence: number, headers: readonly HeaderField[] = [], body?: Uint8Array): SipRequest {
    const routes = this.#routeSet.map((route) => route.text);
    let uri = this.#remoteTarget;
    const first = this.#routeSet[0];
    if (first !== undefined && !first.uri.params.has('lr')) {
      // A strict router of RFC 2543: it stands in the Request-URI, and the target is the last route.
      uri = bare(first.uri);
      routes.shift();
      routes.push(`<${this.#remoteTarget}>`);
    }
    return createRequest({
      method,
      uri,
      headers: [
        ...routes.map((text) => ['Route', text] as const),
        ['Max-Forwards', '70'],
        ['From', this.#local],
        ['To', this.#remote],
        ['Call-ID', this.callId],
        ['CSeq', `${sequence} ${method}`],
        ...headers,
      ],
      body,
    });
  }
}

function routesOf(message: SipMessage): Route[] {
  const texts = message.list('Record-Route');
  return message.recordRoutes.map((route, i) => ({ text: texts[i], uri: route.uri }));
}

const isSip = (uri: SipUri): boolean => uri.scheme === 'sip' || uri.scheme === 'sips';

/** §19.1.1: `method` and headers have no place in a Request-URI. */
export function bare(uri: SipUri): string {
  const params = new Map(uri.params);
  params.delete('method');
  return formatUri({ ...uri, params, headers: [] });
}
