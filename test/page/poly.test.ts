/** Group paging packets of Polycom, and the control packets of Linksys: bytes written by hand from the descriptions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLinksys, parseLinksys } from '../../src/page/linksys.ts';
import { formatPoly, PolyPacket, parsePoly, polyCaller } from '../../src/page/poly.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
/** Channel 26, serial number 0004f2ab, "Front desk". */
const HEADER = '1a 0004f2ab 0d 46726f6e74206465736b000000';
const frame = (bytes: number, value: number): string => value.toString(16).padStart(2, '0').repeat(bytes);

interface Read {
  kind?: string;
  channel?: number;
  codec?: string | undefined;
  sampleCount?: number;
  frame?: [offset: number, length: number];
  before?: [offset: number, length: number];
}

const packets: [name: string, bytes: string, expected: Read | undefined][] = [
  ['an alert says who and on which channel', `0f ${HEADER}`, { kind: 'alert', channel: 26 }],
  ['an end looks the same', `ff ${HEADER}`, { kind: 'end', channel: 26 }],
  [
    'the first packet of sound has one frame',
    `10 ${HEADER} 00 00 000000a0 ${frame(160, 0x55)}`,
    { kind: 'audio', codec: 'PCMU', sampleCount: 160, frame: [26, 160], before: [26, 0] },
  ],
  [
    'the next ones repeat the frame before',
    `10 ${HEADER} 09 00 00000140 ${frame(160, 1)} ${frame(160, 2)}`,
    { kind: 'audio', codec: 'G722', sampleCount: 320, frame: [186, 160], before: [26, 160] },
  ],
  ['30 ms in one frame', `10 ${HEADER} 00 00 000000f0 ${frame(240, 3)}`, { frame: [26, 240], before: [26, 0] }],
  ['G.726 is known to be unknown', `10 ${HEADER} ff 00 00000000 ${frame(80, 3)}`, { kind: 'audio', codec: undefined }],
  ['sound without sound is none', `10 ${HEADER} 00 00 00000000`, undefined],
  ['another opcode', `11 ${HEADER}`, undefined],
  ['no channel 0', `0f 00 0004f2ab 0d ${frame(13, 0)}`, undefined],
  ['no channel 51', `0f 33 0004f2ab 0d ${frame(13, 0)}`, undefined],
  ['a name of another length', `0f 1a 0004f2ab 0c ${frame(13, 0)}`, undefined],
  ['cut off', `0f ${HEADER}`.slice(0, -2), undefined],
  ['RTP', `8000 0001 00000000 00000001 ${frame(160, 0xff)}`, undefined],
];
for (const [name, bytes, expected] of packets)
  test(`poly: ${name}`, () => {
    const datagram = hex(bytes);
    const packet = new PolyPacket();
    assert.equal(parsePoly(datagram, datagram.length, packet), expected !== undefined);
    if (expected === undefined) return;
    const read: Read = {
      kind: packet.kind,
      channel: packet.channel,
      codec: packet.codec,
      sampleCount: packet.sampleCount,
      frame: [packet.frameOffset, packet.frameLength],
      before: [packet.beforeOffset, packet.beforeLength],
    };
    for (const key of Object.keys(expected) as (keyof Read)[]) assert.deepEqual(read[key], expected[key], key);
    assert.equal(packet.serial, 0x0004f2ab);
    assert.equal(polyCaller(datagram), 'Front desk');
  });

test('poly: what is written is what is read', () => {
  const into = new Uint8Array(400);
  const name = new TextEncoder().encode('Front desk');
  const alert = formatPoly({ kind: 'alert', channel: 26, serial: 0x0004f2ab }, name, into);
  assert.deepEqual(into.slice(0, alert), hex(`0f ${HEADER}`));
  const audio = { kind: 'audio', channel: 26, serial: 0x0004f2ab, codec: 'G722', sampleCount: 320 } as const;
  assert.deepEqual(into.slice(0, formatPoly(audio, name, into)), hex(`10 ${HEADER} 09 00 00000140`));
});

test('poly: a name of control characters can be shown', () => {
  assert.equal(polyCaller(hex(`0f 1a 00000001 0d 1b5b324a41 00 41414141414141`)), '?[2JA');
});

const START = '65000000 00000006 efff000a 0000138c';
const controls: [name: string, bytes: string, expected: object | undefined][] = [
  ['a start', START, { command: 'start', id: 0x65000000, group: { host: '239.255.0.10', port: 5004 } }],
  [
    'a stop',
    START.replace('06', '07'),
    { command: 'stop', id: 0x65000000, group: { host: '239.255.0.10', port: 5004 } },
  ],
  ['a stop that says no group', '65000000 00000007', { command: 'stop', id: 0x65000000 }],
  ['a start that says no group', '65000000 00000006', undefined],
  ['another command', START.replace('00000006', '00000008'), undefined],
  ['RTP', `8000 0001 00000000 00000001 ${frame(4, 0xff)}`, undefined],
  ['longer', `${START} 00`, undefined],
  ['nothing', '', undefined],
];
for (const [name, bytes, expected] of controls)
  test(`linksys: ${name}`, () => {
    const datagram = hex(bytes);
    assert.deepEqual(parseLinksys(datagram, datagram.length), expected);
  });

test('linksys: what is written is what is read', () => {
  const into = new Uint8Array(16);
  formatLinksys({ command: 'start', id: 0x65000000, group: { host: '239.255.0.10', port: 5004 } }, into);
  assert.deepEqual(into, hex(START));
});
