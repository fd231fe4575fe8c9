/** Where things are when nobody says so. */
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export const defaultConfigFile = '/etc/hailpoint/terminal.yaml';

const runtimeSocket = '/run/hailpoint/control.sock';

function userSocket(): string {
  const base = process.env.XDG_RUNTIME_DIR ?? tmpdir();
  return join(base, `hailpoint-${process.getuid!()}`, 'control.sock');
}

/** For the service: the first place it may write to. */
export function socketToOpen(): string {
  if (process.env.HAILPOINT_SOCKET) return process.env.HAILPOINT_SOCKET;
  if (writable(dirname(runtimeSocket))) return runtimeSocket;
  const path = userSocket();
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch {
    // Whoever opens the socket says what is wrong, and where.
  }
  return path;
}

/** For the other commands: where a service would be. */
export function socketToReach(): string {
  if (process.env.HAILPOINT_SOCKET) return process.env.HAILPOINT_SOCKET;
  return existsSync(runtimeSocket) ? runtimeSocket : userSocket();
}

/** `--state`, else what systemd made (the first of several), else a folder of the user's. Made by the journal. */
export function stateDirectory(given: string | undefined): string {
  return resolve(given || process.env.STATE_DIRECTORY?.split(':')[0] || userState());
}

/** Where a service has left its journal; the installed one's is looked for even when nobody names it. */
export function stateToRead(given: string | undefined): string {
  if (given || process.env.STATE_DIRECTORY || !existsSync(systemState)) return stateDirectory(given);
  return systemState;
}

/** Of the unit's `StateDirectory`. */
const systemState = '/var/lib/hailpoint';

function userState(): string {
  return join(process.env.XDG_STATE_HOME || join(homedir(), '.local/state'), 'hailpoint');
}

function writable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
