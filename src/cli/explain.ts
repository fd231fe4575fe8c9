/** `hailpoint explain`: what a press, or a call from outside, would lead to and by which rule. Nothing is done. */
import { existsSync, readFileSync } from 'node:fs';
import { CodedError, printable } from '../base/index.ts';
import { incomingOf } from '../call/index.ts';
import { type Config, loadConfig } from '../config/index.ts';
import { parseMessage, parseUri, SipRequest, validate } from '../sip/message/index.ts';
import { explainButton, explainIncoming } from '../terminal/index.ts';

export async function explainPress(file: string, button: string): Promise<string[]> {
  const { terminal } = await loadConfig(file);
  if (!Object.hasOwn(terminal.buttons, button))
    throw new CodedError(
      'no-button',
      `there is no button ${button}; there are ${Object.keys(terminal.buttons).join(', ')}`,
    );
  return explainButton(terminal, button);
}

/**
 * `given`: an INVITE as a trace shows it, its lines ended in any way; or the file that holds one, `-`: the standard input.
 * `source`: where it came from; else what its Via says.
 */
export async function explainCall(file: string, given: string, source: string | undefined): Promise<string[]> {
  const config = await loadConfig(file);
  const there = given === '-' || existsSync(given);
  if (!there && !/\s/.test(given.trim())) throw new CodedError('no-file', `there is no file ${given}`);
  const text = there ? readFileSync(given === '-' ? 0 : given, 'utf8') : given;
  // What is pasted need not be whole, nor end its lines as it came: its length says nothing.
  const lines = text.trim().replace(/\r?\n/g, '\r\n');
  const message = parseMessage(Buffer.from(`${lines.replace(/^(?:content-length|l)[ \t]*:[^\n]*\n?/im, '')}\r\n\r\n`));
  if (!(message instanceof SipRequest)) return ['this is an answer, not a request'];
  const { method } = message;
  if (method !== 'INVITE' && method !== 'MESSAGE') return [`this is ${printable(method)}: no rule is asked about it`];
  // A few lines of a trace do: what the rules do not look at needs not be there.
  for (const [name, value] of [['Via', `SIP/2.0/UDP ${source ?? '0.0.0.0'};branch=z9hG4bK`], ...PLAIN])
    if (!message.has(name)) message.add(name, value);
  validate(message);
  const from = source ?? message.via.params.get('received') ?? message.via.host;
  const account = accountAt(config, from);
  const incoming = incomingOf('explained', message, from, account);
  const { caller, asked, manual } = incoming;
  const bound = message.toTag !== undefined ? 'To has a tag' : message.has('Replaces') ? 'it has Replaces' : undefined;
  if (bound !== undefined)
    return [
      `${caller.uri}, from ${from}`,
      `is about a call that is up (${bound}): no rule answers it, and that call says what becomes of it`,
      'answer: 481 Call/Transaction Does Not Exist, where there is no such call',
    ];
  const otherwise = manual ? `asks for a hand by ${manual.header}` : 'asks for no automatic answer';
  return [
    `${caller.uri}, from ${from}${account === undefined ? '' : `, the server of account ${account}`}`,
    asked ? `asks to be answered by ${asked.header}, after ${asked.afterMs / 1000} s` : otherwise,
    ...explainIncoming(config.terminal, incoming),
  ];
}

const PLAIN = [
  ['To', '<sip:unknown@invalid>'],
  ['Call-ID', 'explained'],
  ['CSeq', '1 INVITE'],
  ['Max-Forwards', '70'],
] as const;

/** By address only: a name would have to be looked up. */
function accountAt({ sip }: Config, address: string): string | undefined {
  return sip.accounts.find((account) =>
    [account.address, ...account.servers].some((uri) => parseUri(uri).host === address),
  )?.name;
}
