/** What the transport says when an address cannot be bound, reached or found. */
import { CodedError } from '../../base/index.ts';

export class TransportError extends CodedError {
  constructor(message: string, options?: ErrorOptions) {
    super('sip-transport', message, options);
  }
}

/** What OpenSSL says, for people. Its alerts bear the name of the protocol before them, which changes with its versions. */
const TLS_REASONS: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'the other side does not speak TLS at that port',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the other side speaks no version of TLS that we do',
  ALERT_CERTIFICATE_REQUIRED: 'the other side demands a certificate of ours',
  ALERT_HANDSHAKE_FAILURE:
    'the other side ended the handshake: it may demand a certificate of ours, or know none of our ciphers',
  ALERT_UNKNOWN_CA: 'the other side does not know who signed our certificate',
  ALERT_CERTIFICATE_EXPIRED: 'the other side says that our certificate has expired',
  ALERT_PROTOCOL_VERSION: 'the other side speaks no version of TLS that we do',
};

/** `EADDRINUSE` of a system error, the words for one of TLS, else its message. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const named = /^ERR_SSL_.*_(ALERT_\w+)$/.exec(code ?? '')?.[1] ?? code ?? '';
  return TLS_REASONS[named] ?? code ?? message ?? String(error);
}

/** Waits for all, and only then throws the first failure: nothing is left half-done behind the caller's back. */
export async function allDone(tasks: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(tasks)) if (result.status === 'rejected') throw result.reason;
}
