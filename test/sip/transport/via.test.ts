/** `received`, `rport`, and where answers go: RFC 3261 §18.2, RFC 3581 §4. And from a URI to hops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createRequest,
  createResponse,
  type Hop,
  parseMessage,
  parseUri,
  type Transport,
} from '../../../src/sip/message/index.ts';
import { Scanner } from '../../../src/sip/message/scanner.ts';
import { readVias } from '../../../src/sip/message/via.ts';
import { TransportError } from '../../../src/sip/transport/errors.ts';
import { Resolver } from '../../../src/sip/transport/index.ts';
import { responseTarget, stampVia } from '../../../src/sip/transport/via.ts';
import { CountingRandom } from '../../kit/random.ts';

const remote = { host: '127.21.2.9', port: 40_000 };

function stamped(...vias: string[]): string[] {
  const request = createRequest({ method: 'OPTIONS', uri: 'sip:a', headers: vias.map((via) => ['Via', via] as const) });
  stampVia(request, remote);
  return request.headers('Via');
}

for (const [sentence, via, expected] of [
  ['the sent-by is where it came from', 'SIP/2.0/UDP 127.21.2.9;branch=x', 'SIP/2.0/UDP 127.21.2.9;branch=x'],
  ['another address', 'SIP/2.0/UDP 127.21.2.1;branch=x', 'SIP/2.0/UDP 127.21.2.1;branch=x;received=127.21.2.9'],
  ['a name', 'SIP/2.0/UDP desk', 'SIP/2.0/UDP desk;received=127.21.2.9'],
  [
    'rport asks for both',
    'SIP/2.0/UDP 127.21.2.9;rport;branch=x',
    'SIP/2.0/UDP 127.21.2.9;rport=40000;branch=x;received=127.21.2.9',
  ],
  ['a forged received goes', 'SIP/2.0/UDP 127.21.2.9;received=127.21.2.66', 'SIP/2.0/UDP 127.21.2.9'],
  ['a forged received is replaced', 'SIP/2.0/UDP desk;received=127.21.2.66', 'SIP/2.0/UDP desk;received=127.21.2.9'],
  [
    'a forged rport is replaced',
    'SIP/2.0/UDP 127.21.2.9;rport=1',
    'SIP/2.0/UDP 127.21.2.9;rport=40000;received=127.21.2.9',
  ],
  [
    'only the first of a list',
    'SIP/2.0/UDP desk , SIP/2.0/TCP b',
    'SIP/2.0/UDP desk;received=127.21.2.9, SIP/2.0/TCP b',
  ],
  ['one that cannot be read stays', 'SIP/2.0/UDP ;;', 'SIP/2.0/UDP ;;'],
] as const) {
  test(`Via: ${sentence}`, () => assert.deepEqual(stamped(via, 'SIP/2.0/UDP last'), [expected, 'SIP/2.0/UDP last']));
}

const HERE = 'received=127.21.2.9';
for (const [sentence, line, expected] of [
  ['a flag of rport', 'Via: SIP/2.0/UDP desk;rport;branch=x', `SIP/2.0/UDP desk;rport=40000;branch=x;${HERE}`],
  [
    'rport at the end',
    'v:SIP/2.0/UDP desk:5070 ;branch=x; RPORT  ',
    `SIP/2.0/UDP desk:5070 ;branch=x; RPORT=40000;${HERE}`,
  ],
  ['no rport', 'Via: SIP/2.0/UDP desk;branch=x', `SIP/2.0/UDP desk;branch=x;${HERE}`],
  [
    'the first of a list',
    'Via: SIP/2.0/UDP desk;rport;branch=x , SIP/2.0/TCP b;branch=y',
    `SIP/2.0/UDP desk;rport=40000;branch=x;${HERE} , SIP/2.0/TCP b;branch=y`,
  ],
  ['a quoted value', 'Via: SIP/2.0/UDP desk;branch=x;a="b;rport"', `SIP/2.0/UDP desk;branch=x;a="b;rport";${HERE}`],
  ['folded', 'Via: SIP/2.0/UDP desk;rport\r\n ;branch=x', `SIP/2.0/UDP desk;rport=40000 ;branch=x;${HERE}`],
  ['beyond ASCII', 'Via: SIP/2.0/UDP desk;a="\u00fc";branch=x', `SIP/2.0/UDP desk;a="\u00fc";branch=x;${HERE}`],
] as const) {
  for (const cut of [false, true]) {
    test(`Via on the wire: ${sentence}${cut ? ', its text asked for between' : ''}`, () => {
      const message = parseMessage(Buffer.from(`OPTIONS sip:a SIP/2.0\r\nTo: <sip:a>\r\n${line}\r\n\r\n`));
      if (cut) void [message.via, message.header('Via')];
      stampVia(message, remote);
      if (!cut) assert.equal(message.header('Via'), expected);
      const [again] = readVias(Scanner.of(message.header('Via')!, 'Via'));
      assert.deepEqual({ ...message.via, params: [...message.via.params] }, { ...again, params: [...again.params] });
      assert.equal(message.via.params.get('received'), remote.host);
      assert.equal(message.via.params.get('rport') ?? undefined, /rport=/i.test(expected) ? '40000' : undefined);
    });
  }
}

for (const [sentence, transport, via, expected] of [
  ['UDP with rport', 'udp', 'SIP/2.0/UDP 127.21.2.1:5070;rport=40000;received=127.21.2.9', 40_000],
  ['UDP without: the sent-by port', 'udp', 'SIP/2.0/UDP 127.21.2.1:5070;received=127.21.2.9', 5070],
  ['UDP with nothing: 5060', 'udp', 'SIP/2.0/UDP 127.21.2.9', 5060],
  ['never another host, whatever maddr says', 'udp', 'SIP/2.0/UDP 127.21.2.9;maddr=127.21.2.66', 5060],
  ['a lost connection: the sent-by port', 'tcp', 'SIP/2.0/TCP 127.21.2.1:5070;rport=40000;received=127.21.2.9', 5070],
  ['TLS: 5061', 'tls', 'SIP/2.0/TLS 127.21.2.9', 5061],
  ['a Via that cannot be read: back where it came from', 'udp', ';;', 40_000],
] as const) {
  test(`answers: ${sentence}`, () => {
    const request = createRequest({ method: 'OPTIONS', uri: 'sip:a', headers: [['Via', via]] });
    const hop: Hop = { transport, remote, local: { host: '127.21.2.2', port: 5060 } };
    assert.deepEqual(responseTarget(createResponse(request, 200), hop), { host: '127.21.2.9', port: expected });
  });
}

const resolver = new Resolver({
  localFor(remoteHost: string, transport: Transport) {
    if (remoteHost === '::1') throw new TransportError('no IPv6 here');
    return { host: '127.21.2.2', port: transport === 'udp' ? 5060 : 5062 };
  },
  random: new CountingRandom(),
});
const shortly = (hops: Hop[]) => hops.map(({ transport, remote: { host, port } }) => `${transport} ${host} ${port}`);

for (const [sentence, uri, expected] of [
  ['UDP and 5060 unless said', 'sip:127.21.2.3', ['udp 127.21.2.3 5060']],
  ['a transport and a port', 'sip:a@127.21.2.3:5070;transport=TCP', ['tcp 127.21.2.3 5070']],
  ['sips is TLS', 'sips:127.21.2.3', ['tls 127.21.2.3 5061']],
  ['maddr overrides the host', 'sip:a.example.com;maddr=127.21.2.4', ['udp 127.21.2.4 5060']],
  ['no route to that family', 'sip:[::1]', []],
  ['a transport we lack', 'sip:127.21.2.3;transport=sctp', []],
  [
    'IPv6 as the system writes it, for that is what a request from there shows',
    'sip:[2001:DB8:0:0::7]:5070',
    ['udp 2001:db8::7 5070'],
  ],
  ['another scheme', 'tel:+1', []],
  ['what is no host name', 'sip:a.example;maddr=%0aRoot.example', []],
] as const) {
  test(`hops at once: ${sentence}`, () =>
    assert.deepEqual(shortly(resolver.resolve(parseUri(uri)) as Hop[]), expected));
}
