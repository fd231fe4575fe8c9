/** Which card a name means: on a /sys made for the test. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { parseControl } from '../../../src/io/soundcard/alsa-mixer.ts';
import { isPlugged, mixerOf, resolveDevice } from '../../../src/io/soundcard/alsa-name.ts';
import { temporaryDirectory } from '../../kit/checkout.ts';

const { path, remove } = temporaryDirectory();
after(remove);

const sys = join(path, 'sound');

/** `device`: where the card hangs, below /sys/devices. */
function plug(card: string, id: string, device: string): void {
  mkdirSync(join(sys, card), { recursive: true });
  mkdirSync(join(path, 'devices', device), { recursive: true });
  writeFileSync(join(sys, card, 'id'), `${id}\n`);
  symlinkSync(join(path, 'devices', device), join(sys, card, 'device'));
}
plug('card0', 'vc4hdmi', 'platform/hdmi');
plug('card2', 'Speakerphone', 'usb1/1-1/1-1.2/1-1.2:1.0');
plug('card3', 'Speakerphone_1', 'usb1/1-1/1-1.3/1-1.3:1.0');
mkdirSync(join(sys, 'controlC2'));

for (const [name, device, expected] of [
  ['a USB socket is the card plugged in there', 'usb:1-1.2', 'plughw:2,0'],
  ['of two alike, the one in the other socket', 'usb:1-1.3', 'plughw:3,0'],
  ['with the number of its device', 'usb:1-1.3,1', 'plughw:3,1'],
  ['an ALSA name stays', 'plughw:CARD=Speakerphone', 'plughw:CARD=Speakerphone'],
] as const) {
  test(name, () => assert.equal(resolveDevice(device, sys), expected));
}

test('an empty socket says so', () => {
  assert.throws(() => resolveDevice('usb:1-1.4', sys), /^SoundError: No sound card at the USB socket 1-1.4$/);
  assert.throws(() => resolveDevice('usb:1-1', sys), /No sound card/, 'the hub in front of it is another socket');
  assert.throws(() => resolveDevice('usb:left', sys), /Cannot read "usb:left": expected usb:1-1.2 or usb:1-1.2,0/);
  assert.throws(() => resolveDevice('usb:1-1.2', join(path, 'nowhere')), /No sound card/);
});

for (const [device, expected] of [
  ['hw:CARD=Speakerphone,DEV=0', 'hw:Speakerphone'],
  ['plughw:1,0', 'hw:1'],
  ['sysdefault:CARD=vc4hdmi', 'hw:vc4hdmi'],
  ['default', 'default'],
  ['a', 'a'],
] as const) {
  test(`the mixer of ${device} is ${expected}`, () => assert.equal(mixerOf(device), expected));
}

for (const [device, expected] of [
  ['hw:CARD=Speakerphone', true],
  ['hw:0,0', true],
  ['hw:1', false],
  ['plughw:CARD=Gone,DEV=0', false],
  ['usb:1-1.2', true],
  ['usb:1-1.4', false],
  ['default', true],
] as const) {
  test(`${device} is ${expected ? '' : 'not '}there`, () => assert.equal(isPlugged(device, sys), expected));
}

for (const [text, expected] of [
  ['80%', { kind: 'percent', percent: 80 }],
  ['100 %', { kind: 'percent', percent: 100 }],
  ['101%', { kind: 'item', item: '101%' }],
  ['-12.5dB', { kind: 'decibel', hundredths: -1250 }],
  ['+3 dB', { kind: 'decibel', hundredths: 300 }],
  ['off', { kind: 'switch', on: false }],
  ['ON', { kind: 'switch', on: true }],
  ['Line In', { kind: 'item', item: 'Line In' }],
] as const) {
  test(`a control set to ${text}`, () => assert.deepEqual(parseControl(text), expected));
}
