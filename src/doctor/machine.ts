/** The machine: its clock, disk, power, and whether it has a network. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { dirname } from 'node:path';
import koffi from 'koffi';
import { type Finding, fault, ok } from './types.ts';

/** Events, recordings and a journal that grows need so much. */
const LEAST_FREE_BYTES = 50e6;
/** adjtimex(2): the clock is not kept by anything. */
const TIME_ERROR = 5;
/** Its argument is smaller than this on every machine; all of it zero asks, and sets nothing. */
const TIMEX_BYTES = 512;
/** A clock before this was never set: the board has no battery. */
const NEVER_SET_MS = Date.UTC(2026, 0, 1);

export function clock(): Finding {
  const adjtimex = koffi.load(null).func('int adjtimex(void *timex)');
  const now = new Date().toISOString();
  const mend = 'timedatectl set-ntp true; timedatectl timesync-status says which server';
  if (Date.now() < NEVER_SET_MS) return fault('clock', `it says ${now}: it was never set`, mend);
  if (adjtimex(new Uint8Array(TIMEX_BYTES)) === TIME_ERROR)
    return fault('clock', `it says ${now}, and no time server keeps it right`, mend);
  return ok('clock', `${now}, kept by a time server`);
}

/** The nearest folder above that is there: the state directory may be made later. */
export async function disk(directory: string): Promise<Finding> {
  try {
    accessSync(directory, constants.R_OK | constants.W_OK);
    const { bavail, bsize, files, ffree } = await statfs(directory);
    const free = `${directory} has ${Math.floor((bavail * bsize) / 1e6)} MB left`;
    if (bavail * bsize < LEAST_FREE_BYTES)
      return fault('disk', free, 'make room: 50 MB at least; du -x / | sort -n | tail');
    if (files > 0 && ffree < 100) return fault('disk', `${directory} takes no more files`, 'delete some: df -i');
    return ok('disk', free);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && directory !== '/') return disk(dirname(directory));
    return fault(
      'disk',
      `${directory} cannot be written: ${code}`,
      `chown hailpoint ${directory}, or run this as root`,
    );
  }
}

/** Of a Raspberry Pi, which tells when its supply is too weak. */
export function power(path = '/sys/devices/platform/soc/soc:firmware/get_throttled'): Finding[] {
  let flags: number;
  try {
    flags = Number.parseInt(readFileSync(path, 'latin1'), 16);
  } catch {
    return [];
  }
  const mend = 'a supply of 5.1 V and 3 A, a shorter cable';
  if (flags & 0x1) return [fault('power', 'the voltage is too low now', mend)];
  if (flags & 0x10000) return [fault('power', 'the voltage has been too low since the start', mend)];
  if (flags & 0x8)
    return [fault('power', 'the processor is too hot and slowed down', 'a heat sink, or a cooler place')];
  return [ok('power', 'enough, and cool')];
}

export function network(interfaces = networkInterfaces()): Finding {
  const addresses = Object.entries(interfaces).flatMap(([name, all = []]) =>
    all
      .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
      .map(({ address }) => `${address} (${name})`),
  );
  if (addresses.length > 0) return ok('network', addresses.slice(0, 4).join(', '));
  return fault('network', 'there is no address', 'ip address; is the cable in, does DHCP answer?');
}
