/** Layouts against the numbers of linux/gpio.h, worked out apart from the code; test/vm shows that the kernel agrees. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as uapi from '../../../src/io/gpio/uapi.ts';

/** The macros of asm-generic/ioctl.h: direction 2 reads, 3 does both. */
const ioctl = (direction: number, number: number, bytes: number): number =>
  ((direction << 30) | (bytes << 16) | (0xb4 << 8) | number) >>> 0;

for (const [name, actual, expected] of [
  ['GPIO_GET_CHIPINFO', uapi.GET_CHIPINFO, ioctl(2, 0x01, 32 + 32 + 4)],
  ['GPIO_V2_GET_LINEINFO', uapi.GET_LINEINFO, ioctl(3, 0x05, 32 + 32 + 4 + 4 + 8 + 10 * 16 + 4 * 4)],
  ['GPIO_V2_GET_LINE', uapi.GET_LINE, ioctl(3, 0x07, 64 * 4 + 32 + (8 + 4 + 5 * 4 + 10 * 24) + 4 + 4 + 5 * 4 + 4)],
  ['GPIO_V2_LINE_GET_VALUES', uapi.GET_VALUES, ioctl(3, 0x0e, 16)],
  ['GPIO_V2_LINE_SET_VALUES', uapi.SET_VALUES, ioctl(3, 0x0f, 16)],
] as const) {
  test(`the number of ${name}`, () => assert.equal(actual.toString(16), expected.toString(16)));
}

/** The non-zero parts of a request: `offset:hex` of 4 bytes each. */
function words(bytes: Uint8Array): string {
  const data = new DataView(bytes.buffer);
  const out: string[] = [];
  for (let at = 0; at < bytes.length; at += 4) {
    const word = data.getUint32(at, true);
    if (word !== 0 && (at < 256 || at >= 288)) out.push(`${at}:${word.toString(16)}`);
  }
  return out.join(' ');
}

for (const [name, request, expected] of [
  [
    'a button: input, both edges, active low, pull-up, debounced 30 ms',
    { offset: 17, activeLow: true, use: { kind: 'input', bias: 'pull-up', debounceUs: 30_000 } },
    '0:11 288:136 296:1 320:3 328:7530 336:1 560:1 564:40',
  ],
  [
    'an input as it is',
    { offset: 4, activeLow: false, use: { kind: 'input', debounceUs: 0 } },
    '0:4 288:34 560:1 564:40',
  ],
  [
    'pull-down',
    { offset: 4, activeLow: false, use: { kind: 'input', bias: 'pull-down', debounceUs: 0 } },
    '0:4 288:234 560:1 564:40',
  ],
  [
    'bias switched off',
    { offset: 4, activeLow: false, use: { kind: 'input', bias: 'disabled', debounceUs: 0 } },
    '0:4 288:434 560:1 564:40',
  ],
  [
    'a lamp, dark',
    { offset: 22, activeLow: false, use: { kind: 'output', on: false } },
    '0:16 288:8 296:1 320:2 336:1 560:1',
  ],
  [
    'a relay of active-low wiring, on from the start',
    { offset: 22, activeLow: true, use: { kind: 'output', on: true } },
    '0:16 288:a 296:1 320:2 328:1 336:1 560:1',
  ],
] as const) {
  test(`the request for ${name}`, () => {
    const bytes = uapi.encodeLineRequest(request, 'hailpoint');
    assert.equal(bytes.length, 592);
    assert.equal(words(bytes), expected);
    assert.equal(Buffer.from(bytes.subarray(256, 266)).toString(), 'hailpoint\0');
  });
}

test('events: what gpio-sim sent for a fall of an active-low line, and half an event is left alone', () => {
  const event = Buffer.alloc(100);
  Buffer.from('0083d12e66000000010000001100000001000000010000', 'hex').copy(event);
  event.writeBigUInt64LE(5n, 48);
  event.writeUInt32LE(2, 56);
  event.writeUInt32LE(9, 68);
  assert.deepEqual(uapi.decodeEvents(event), [
    { active: true, atNs: 0x662ed18300n, sequence: 1 },
    { active: false, atNs: 5n, sequence: 9 },
  ]);
});

test('names may fill their fields', () => {
  const info = new Uint8Array(256).fill(0x41, 0, 32);
  info[72] = 1;
  assert.deepEqual(uapi.decodeLineInfo(info), { name: 'A'.repeat(32), consumer: '', used: true });
  assert.equal(uapi.encodeLineInfo(300)[65], 1);
});
