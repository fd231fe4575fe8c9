/** A trace as people see it: ladders, lines, capture files. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ladders, line } from '../../src/cli/ladder.ts';
import { pcapHeader, pcapRecord } from '../../src/cli/pcap.ts';
import type { Recorded } from '../../src/trace/index.ts';
import { checkout, temporaryDirectory } from '../kit/checkout.ts';

const us = { host: '127.38.5.1', port: 5060 };
const pbx = { host: '127.38.5.2', port: 5060 };

const sdp =
  'v=0\r\no=- 1 1 IN IP4 127.38.5.1\r\ns=-\r\nc=IN IP4 127.38.5.1\r\nt=0 0\r\nm=audio 40000 RTP/SAVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxx\r\na=sendonly\r\n';

function message(
  direction: 'in' | 'out',
  start: string,
  fields: string[],
  body = '',
  more: Partial<Recorded> = {},
): Recorded {
  const text = [
    start,
    'Via: SIP/2.0/UDP 127.38.5.1:5060;branch=z9hG4bK1',
    'From: <sip:help@127.38.5.1>;tag=a',
    'To: <sip:100@127.38.5.2>',
    'Max-Forwards: 70',
    ...fields,
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
  const bytes = Buffer.from(text, 'latin1');
  const at = { timeMs: Date.UTC(2026, 0, 31, 20, 15, 30, 123), direction, transport: 'udp', local: us, remote: pbx };
  return { ...at, message: bytes.toString('base64'), length: bytes.length, ...more };
}

const invite = message('out', 'INVITE sip:100@127.38.5.2 SIP/2.0', ['Call-ID: one', 'CSeq: 1 INVITE'], sdp);
const call = [
  invite,
  message('in', 'SIP/2.0 100 Trying', ['Call-ID: one', 'CSeq: 1 INVITE'], '', { timeMs: invite.timeMs + 2 }),
  message('out', 'OPTIONS sip:127.38.5.2 SIP/2.0', ['Call-ID: two', 'CSeq: 9 OPTIONS']),
  message('in', 'SIP/2.0 486 Busy Here', ['Call-ID: one', 'CSeq: 1 INVITE', 'Retry-After: 5'], '', {
    timeMs: invite.timeMs + 40,
  }),
];

test('a ladder for each call: times, arrows, hosts, status, CSeq, SDP in short', () => {
  const lines = ladders(call).map((text) => text.replace(/^\d\d:/, 'hh:'));
  assert.deepEqual(lines, [
    'INVITE sip:100@127.38.5.2',
    '  from <sip:help@127.38.5.1>;tag=a to <sip:100@127.38.5.2>, Call-ID one',
    '              127.38.5.1:5060                   127.38.5.2:5060 udp',
    'hh:15:30.123  |-- INVITE (SDP) ---------------->|  +0 ms  CSeq 1 INVITE, SDP audio 127.38.5.1:40000 RTP/SAVP PCMA telephone-event sendonly, keys',
    'hh:15:30.125  |<------------------ 100 Trying --|  +2 ms  CSeq 1 INVITE',
    'hh:15:30.163  |<--------------- 486 Busy Here --|  +40 ms  CSeq 1 INVITE, Retry-After 5',
    '',
    'OPTIONS sip:127.38.5.2',
    '  from <sip:help@127.38.5.1>;tag=a to <sip:100@127.38.5.2>, Call-ID two',
    '              127.38.5.1:5060                   127.38.5.2:5060 udp',
    'hh:15:30.123  |-- OPTIONS --------------------->|  +0 ms  CSeq 9 OPTIONS',
  ]);
});

test('a second side has an upright of its own', () => {
  const further = message('out', 'INVITE sip:101@127.38.5.3 SIP/2.0', ['Call-ID: one', 'CSeq: 1 INVITE'], '', {
    remote: { host: '2001:db8::3', port: 5061 },
    transport: 'tls',
  });
  const lines = ladders([...call.slice(0, 1), further]);
  assert.match(lines[2], /127\.38\.5\.2:5060 udp {2,}\[2001:db8::3\]:5061 tls$/);
  assert.match(lines[3], /\|-- INVITE \(SDP\) -+>\| {33}\| {2}\+0 ms/);
  assert.match(lines[4], /\|-- INVITE -{56}>\| {2}\+0 ms/);
});

test('who follows sees a line a message', () =>
  assert.match(
    line(call[1]),
    /^\d\d:15:30\.125 {2}127\.38\.5\.1:5060 <- 127\.38\.5\.2:5060 udp {2}100 Trying {2}CSeq 1 INVITE {2}Call-ID one$/,
  ));

test('nothing of the wire reaches the screen as it came', () => {
  const evil = '\x1b[2J\x07\u009b31m';
  for (const one of [
    message('in', `SIP/2.0 200 ${evil}`, ['Call-ID: one', 'CSeq: 1 INVITE', `Reason: ${evil}`]),
    message('in', `INVITE sip:${evil}@x SIP/2.0`, [`Call-ID: ${evil}`, 'CSeq: 1 INVITE', `Warning: ${evil}`]),
    message('in', `${evil}\u202e`, []),
    { ...invite, message: Buffer.from(`${evil}\r\n\r\n`).toString('base64') },
  ])
    for (const text of [...ladders([one]), line(one)]) assert.doesNotMatch(text, /[\x00-\x1f\x7f-\x9f\u202a-\u202e]/);
});

test('every message of RFC 4475 has its rung, whatever is wrong with it', () => {
  const folder = join(checkout, 'test/fixtures/sip');
  const all = readdirSync(folder).map((name): Recorded => {
    const bytes = readFileSync(join(folder, name));
    return { ...invite, direction: 'in', message: bytes.toString('base64'), length: bytes.length };
  });
  assert.ok(all.length >= 49);
  assert.equal(ladders(all).filter((text) => /^\d\d:15:30\.123 {2}\|<-+ .+ --\|/.test(text)).length, all.length);
  assert.equal(all.map(line).length, all.length);
});

const tshark = spawnSync('tshark', ['--version']).status === 0;

test('a capture file: tshark reads each message between its addresses, checksums included', {
  skip: !tshark && 'no tshark',
}, () => {
  const { path, remove } = temporaryDirectory();
  const file = join(path, 'trace.pcap');
  const six = message('in', 'SIP/2.0 603 Decline', ['Call-ID: one', 'CSeq: 1 INVITE'], '', {
    local: { host: '2001:db8::1', port: 5061 },
    remote: { host: 'fe80::2%eth0', port: 40_001 },
    transport: 'tls',
  });
  writeFileSync(file, Buffer.concat([pcapHeader(), ...[...call, six].map(pcapRecord)]));
  const fields = ['frame.time_epoch', 'ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst', 'udp.srcport', 'udp.dstport'];
  const shown = [...fields, 'sip.Method', 'sip.Status-Code', 'sip.CSeq', 'udp.checksum.status', 'ip.checksum.status'];
  const check = ['-o', 'udp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
  const args = ['-r', file, ...check, '-T', 'fields', '-E', 'separator=;', ...shown.flatMap((field) => ['-e', field])];
  const lines = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  remove();
  const rows = lines
    .trim()
    .split('\n')
    .map((row) => row.split(';'));
  assert.deepEqual(
    rows.map(([, ...row]) => row.join(' ').replace(/ +/g, ' ')),
    [
      '127.38.5.1 127.38.5.2 5060 5060 INVITE 1 INVITE 1 1',
      '127.38.5.2 127.38.5.1 5060 5060 100 1 INVITE 1 1',
      '127.38.5.1 127.38.5.2 5060 5060 OPTIONS 9 OPTIONS 1 1',
      '127.38.5.2 127.38.5.1 5060 5060 486 1 INVITE 1 1',
      ' fe80::2 2001:db8::1 40001 5061 603 1 INVITE 1 '.trim(),
    ].map((row, i) => (i === 4 ? ` ${row} ` : row)),
  );
  assert.equal(Number(rows[0][0]), invite.timeMs / 1000);
});

test('a capture file is what RFC-less custom says: magic, version, raw IP, lengths that fit', () => {
  const file = Buffer.concat([pcapHeader(), pcapRecord(invite)]);
  assert.equal(file.readUInt32LE(0), 0xa1b2c3d4);
  assert.equal(file.readUInt32LE(20), 101);
  const length = file.readUInt32LE(24 + 8);
  assert.equal(file.length, 24 + 16 + length);
  assert.equal(file[40], 0x45);
  assert.equal(file.readUInt16BE(42), length);
  assert.equal(file.subarray(40 + 28).toString('latin1'), Buffer.from(invite.message, 'base64').toString('latin1'));
});
