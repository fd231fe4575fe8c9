/**
 * sd_notify(3): tells systemd that the service is ready, well, stopping. One datagram per word to the Unix socket in
 * `$NOTIFY_SOCKET`, by koffi because Node has no Unix datagrams. Without that variable everything here does nothing.
 */
import koffi from 'koffi';
import { CodedError, type Logger } from '../base/index.ts';

/** There is a `$NOTIFY_SOCKET`, but it cannot be used. */
class NotifyError extends CodedError {}

export interface Notifier {
  /** How often `watchdog` must be called: half of the unit's `WatchdogSec`. Undefined: nobody asked for it. */
  readonly watchdogEveryMs: number | undefined;
  ready(status?: string): void;
  stopping(status?: string): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  watchdog(): void;
  close(): void;
}

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const PATH_BYTES = 108;

/** Half of `WATCHDOG_USEC`, when it is meant for this process (sd_watchdog_enabled(3)). */
export function watchdogEveryMs(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  const { WATCHDOG_USEC: usec, WATCHDOG_PID: whose } = env;
  if (usec === undefined || !/^\d+$/.test(usec) || Number(usec) === 0) return undefined;
  if (whose !== undefined && whose !== `${pid}`) return undefined;
  return Number(usec) / 2000;
}

/** struct sockaddr_un: family u16, path. A leading `@` stands for the NUL of the abstract namespace, which has no end mark. */
export function unixAddress(path: string): Uint8Array {
  const abstract = path.startsWith('@');
  const name = Buffer.from(abstract ? `\0${path.slice(1)}` : `${path}\0`);
  if (!(abstract || path.startsWith('/')) || name.length > PATH_BYTES) {
    throw new NotifyError('notify-address', `Cannot use NOTIFY_SOCKET="${path}": it is no Unix socket's path`);
  }
  const address = new Uint8Array(2 + name.length);
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(name, 2);
  return address;
}

/** Throws `NotifyError` when `$NOTIFY_SOCKET` is set but cannot be used: systemd would wait in vain. */
export function createNotifier(env: NodeJS.ProcessEnv, logger: Logger): Notifier {
  const path = env.NOTIFY_SOCKET;
  if (path === undefined || path === '') return silent;
  const address = unixAddress(path);
  const libc = koffi.load('libc.so.6');
  const sendto = libc.func('intptr_t sendto(int, const void *, size_t, int, const void *, uint32_t)');
  const closeFd = libc.func('int close(int)');
  let fd: number = libc.func('int socket(int, int, int)')(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new NotifyError('notify-socket', `Cannot make a Unix socket: errno ${koffi.errno()}`);
  let failed = false;

  /** A word that does not get through is no reason to fail: READY is noticed missing by systemd, the next watchdog is near. */
  function send(...lines: string[]): void {
    if (fd < 0) return;
    const bytes = Buffer.from(lines.join('\n'));
    const sent = Number(sendto(fd, bytes, bytes.length, MSG_NOSIGNAL, address, address.length));
    if (sent < 0 && !failed)
      logger.warn('systemd was not told', { words: lines[0], errno: koffi.errno(), socket: path });
    failed = sent < 0;
  }
  const statusLine = (text: string | undefined): string[] =>
    text === undefined ? [] : [`STATUS=${text.replaceAll(/\s+/g, ' ')}`];

  return {
    watchdogEveryMs: watchdogEveryMs(env, process.pid),
    ready: (status) => send('READY=1', ...statusLine(status)),
    stopping: (status) => send('STOPPING=1', ...statusLine(status)),
    status: (text) => send(...statusLine(text)),
    watchdog: () => send('WATCHDOG=1'),
    close() {
      if (fd >= 0) closeFd(fd);
      fd = -1;
    },
  };
}

const nothing = (): void => {};
const silent: Notifier = {
  watchdogEveryMs: undefined,
  ready: nothing,
  stopping: nothing,
  status: nothing,
  watchdog: nothing,
  close: nothing,
};
