/** A request inside a dialog that is no call: NOTIFY, the refresh of a SUBSCRIBE. RFC 3261 §12.2.1. */
import type { Dialog } from '../dialog/index.ts';
import type { Hop } from '../message/index.ts';
import type { Account } from './account.ts';
import { ask } from './ask.ts';
import type { Core, Handler } from './core.ts';
import type { HeaderField } from './headers.ts';

export interface InsideRequest {
  dialog: Dialog;
  /** The way its last message came or went; taken when the remote target cannot be found. */
  near: Hop;
  account: Account | undefined;
  method: string;
  headers: readonly HeaderField[];
  body?: Uint8Array;
  handler: Handler;
}

export function sendInside(core: Core, { dialog, near, method, body, ...more }: InsideRequest, now: number): void {
  const headers: HeaderField[] = [...more.headers, ['User-Agent', core.config.product]];
  core.locate(dialog.nextHop, near, now, (hops, at) => {
    const make = () => dialog.request(method, dialog.nextSequence(), headers, body);
    ask(core, { make, hop: hops[0] ?? near, account: more.account, handler: more.handler }, at);
  });
}
