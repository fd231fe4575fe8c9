/** Which card an ALSA name means, and names for a USB socket: `usb:1-1.2` is the card plugged in there, whatever number it has today. */
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { SoundError } from './types.ts';

/** What goes straight to a card of hardware: `hw:CARD=Speakerphone`, `plughw:1,0`, `dsnoop:Speakerphone`… */
const ON_A_CARD = /^(?:plug)?(?:hw|dmix|dsnoop|sysdefault|front|default):(?:CARD=)?([^,]+)/;
const USB = /^usb:([0-9]+-[0-9]+(?:\.[0-9]+)*)(?:,([0-9]+))?$/;

/**
 * The name that libasound understands: `usb:PATH[,DEVICE]` becomes that card's own, any other name stays. Throws `SoundError`
 * when nothing that sounds is plugged in there.
 */
export function resolveDevice(name: string, sys = '/sys/class/sound'): string {
  if (!name.startsWith('usb:')) return name;
  const [, path, device = '0'] = USB.exec(name) ?? [];
  if (path === undefined)
    throw new SoundError('sound-name', `Cannot read "${name}": expected usb:1-1.2 or usb:1-1.2,0`);
  const found = cards(sys).find((card) => usbPath(join(sys, card)) === path);
  if (found === undefined) throw new SoundError('sound-card', `No sound card at the USB socket ${path}`);
  return `plughw:${found.slice('card'.length)},${device}`;
}

/** Where the mixer of a resolved device is: `hw:1` for a card of hardware, else the device's own name. */
export function mixerOf(device: string): string {
  const card = ON_A_CARD.exec(device)?.[1];
  return card === undefined ? device : `hw:${card}`;
}

/** False when `device` names a card that is not there; a name that goes by way of a plugin is believed. */
export function isPlugged(device: string, sys = '/sys/class/sound'): boolean {
  try {
    const card = ON_A_CARD.exec(resolveDevice(device, sys))?.[1];
    return card === undefined || cards(sys).some((one) => one === `card${card}` || idOf(join(sys, one)) === card);
  } catch {
    return false;
  }
}

function cards(sys: string): string[] {
  try {
    return readdirSync(sys).filter((name) => /^card\d+$/.test(name));
  } catch {
    return [];
  }
}

/** `device` of a USB card is its interface, `…/1-1/1-1.2/1-1.2:1.0`: the socket is what stands before the colon. */
function usbPath(card: string): string | undefined {
  try {
    return /\/([0-9]+-[0-9.]+):[0-9.]+$/.exec(realpathSync(join(card, 'device')))?.[1];
  } catch {
    return undefined;
  }
}

function idOf(card: string): string | undefined {
  try {
    return readFileSync(join(card, 'id'), 'latin1').trim();
  } catch {
    return undefined;
  }
}
