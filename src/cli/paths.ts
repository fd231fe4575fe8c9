/** Where things are when nobody says so. */
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';

export const defaultConfigFile = '/etc/hailpoint/terminal.yaml';

const runtimeSocket = '/run/hailpoint/control.sock';

function userSocket(): string {
  const base = process.env.XDG_RUNTIME_DIR ?? tmpdir();
  return join(base, `hailpoint-${userInfo().uid}`, 'control.sock');
}

/** For the service: the first place it may write to. */
export function socketToOpen(): string {
  if (process.env.HAILPOINT_SOCKET) return process.env.HAILPOINT_SOCKET;
  if (writable(dirname(runtimeSocket))) return runtimeSocket;
  const path = userSocket();
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return path;
}

/** For the other commands: where a service would be. */
export function socketToReach(): string {
  if (process.env.HAILPOINT_SOCKET) return process.env.HAILPOINT_SOCKET;
  return existsSync(runtimeSocket) ? runtimeSocket : userSocket();
}

/** `--state`, else what systemd made, else a folder of the user's. */
export function stateDirectory(given: string | undefined): string {
  const path =
    given ??
    process.env.STATE_DIRECTORY?.split(':')[0] ??
    join(process.env.XDG_STATE_HOME ?? join(userInfo().homedir, '.local/state'), 'hailpoint');
  mkdirSync(path, { recursive: true });
  return path;
}

function writable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
