/**
 * Octets to a routable message and back, beside other JavaScript parsers in the same run. "Routable": start line, topmost
 * Via, From and To tags, Call-ID, CSeq, Route, and Content-Length checked. Every parser gets the same octets of 24 messages
 * as PBXs, proxies and telephones write them. The others are development packages: one that is absent is named and left out.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { formatMessage, parseMessage, type SipMessage } from '../../src/sip/message/index.ts';
import { bench, print } from './figures.ts';

const ROUND_MS = 250;
const ROUNDS = 5;

type Line = [name: string, value: string];

const sdp = (host: string): string =>
  [
    'v=0',
    `o=- 1 1 IN IP4 ${host}`,
    's=-',
    `c=IN IP4 ${host}`,
    't=0 0',
    'm=audio 14000 RTP/AVP 9 8 0 101',
    'a=rtpmap:9 G722/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-16',
    'a=ptime:20',
    'a=sendrecv',
    '',
  ].join('\r\n');

/** What each kind of sender adds to the lines that every message has. */
const senders: Record<string, { name: (header: string) => string; lines: (method: string) => Line[] }> = {
  pbx: {
    name: (header) => header,
    lines: (method) => [
      ['Contact', '<sip:asterisk@127.0.2.10:5060>'],
      [
        'Allow',
        'OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, INFO, MESSAGE, REFER',
      ],
      ['Supported', '100rel, timer, replaces, norefersub, histinfo'],
      ...(method === 'INVITE'
        ? ([
            ['Session-Expires', '1800'],
            ['Min-SE', '90'],
            ['P-Asserted-Identity', '"Control room" <sip:100@pbx.example.net>'],
            ['Call-Info', '<sip:pbx.example.net>;answer-after=0'],
          ] as Line[])
        : []),
      ['Max-Forwards', '70'],
      ['User-Agent', 'PBX 20.5.2'],
    ],
  },
  proxy: {
    name: (header) => header,
    lines: () => [
      ['Record-Route', '<sip:127.0.113.5;transport=tcp;lr;ftag=as5fa1;nat=yes>, <sip:127.0.113.4;lr>'],
      ['Route', '<sip:127.0.113.6;lr>'],
      ['Max-Forwards', '67'],
      [
        'Contact',
        '"North, platform 2" <sip:help-07@127.0.2.77:5062;transport=udp;alias=127.0.2.77~5062~1>;+sip.instance="<urn:uuid:0b5a2c1e-5f8f-4a55-9a51-1c1d26a4a101>"',
      ],
      ['User-Agent', 'Door phone 3.1 (build 4711)'],
    ],
  },
  phone: {
    name: (header) =>
      ({ Via: 'v', From: 'f', To: 't', 'Call-ID': 'i', Contact: 'm', 'Content-Length': 'l', 'Content-Type': 'c' })[
        header
      ] ?? header,
    lines: () => [
      ['Contact', '<sip:101@127.0.2.91:5060>;reg-id=1'],
      ['Max-Forwards', '70'],
      ['Accept', 'application/sdp, application/dtmf-relay'],
      ['Supported', 'replaces,100rel,timer'],
      ['User-Agent', 'Telephone/9.2.1'],
    ],
  },
};

function message(sender: string, start: string, cseq: string, vias: number, body: string): Buffer {
  const { name, lines } = senders[sender];
  const all: Line[] = [];
  for (let i = 0; i < vias; i++) {
    all.push([
      'Via',
      `SIP/2.0/UDP 127.0.2.${10 + i}:5060;rport=5060;branch=z9hG4bKPj${sender}${i}-9c1f3e0e4d2b;received=127.0.2.${10 + i}`,
    ]);
  }
  all.push(
    ['From', '"Control room" <sip:100@pbx.example.net>;tag=as5fa17c1d'],
    [
      'To',
      `<sip:help-07@terminal.example.net>${start.startsWith('SIP') || cseq.startsWith('BYE') ? ';tag=h7a1c9' : ''}`,
    ],
    ['Call-ID', '6b1f0e9a7d3c4e52@pbx.example.net'],
    ['CSeq', `102 ${cseq}`],
    ...lines(cseq),
  );
  if (body !== '') all.push(['Content-Type', 'application/sdp']);
  all.push(['Content-Length', String(Buffer.byteLength(body))]);
  return Buffer.from(
    `${start}\r\n${all.map(([header, value]) => `${name(header)}: ${value}\r\n`).join('')}\r\n${body}`,
  );
}

const uri = 'sip:help-07@127.0.2.50:5060;transport=udp';
const messages: Buffer[] = Object.keys(senders).flatMap((sender) => [
  message(sender, `INVITE ${uri} SIP/2.0`, 'INVITE', sender === 'proxy' ? 3 : 1, sdp('127.0.2.10')),
  message(sender, `ACK ${uri} SIP/2.0`, 'ACK', 1, ''),
  message(sender, `BYE ${uri} SIP/2.0`, 'BYE', 2, ''),
  message(sender, `OPTIONS ${uri} SIP/2.0`, 'OPTIONS', 1, ''),
  message(sender, 'REGISTER sip:pbx.example.net SIP/2.0', 'REGISTER', 1, ''),
  message(sender, 'SIP/2.0 180 Ringing', 'INVITE', 1, ''),
  message(sender, 'SIP/2.0 200 OK', 'INVITE', 2, sdp('127.0.2.50')),
  message(sender, 'SIP/2.0 401 Unauthorized', 'REGISTER', 1, ''),
]);

/** Reads what routing needs; what it gives keeps the compiler from leaving it out. */
function route(m: SipMessage): number {
  const { via, cseq } = m;
  const [first] = m.has('Route') ? m.routes : [];
  return (
    (via.params.get('branch')?.length ?? 0) +
    (m.fromTag?.length ?? 0) +
    (m.toTag?.length ?? 0) +
    m.callId.length +
    cseq.sequence +
    (first?.uriText.length ?? 0) +
    m.body.length
  );
}

interface Contender {
  name: string;
  parse(bytes: Buffer): unknown;
  format?(parsed: unknown): unknown;
}

const require = createRequire(import.meta.url);

async function load(id: string): Promise<unknown> {
  try {
    return id.startsWith('sip.js') ? await import(pathToFileURL(require.resolve(id)).href) : require(id);
  } catch {
    console.log(`${id.split('/')[0]} is not installed here (npm install --save-dev ${id.split('/')[0]}): left out`);
    return undefined;
  }
}

async function contenders(): Promise<Contender[]> {
  const all: Contender[] = [
    {
      name: 'hailpoint',
      parse: (bytes) => {
        const parsed = parseMessage(bytes);
        route(parsed);
        return parsed;
      },
      format: (parsed) => formatMessage(parsed as SipMessage),
    },
  ];
  const sip = (await load('sip')) as { parse(text: string): unknown; stringify(parsed: unknown): string } | undefined;
  if (sip !== undefined) {
    all.push({
      name: 'sip',
      parse: (bytes) => sip.parse(bytes.toString('utf8')),
      format: (parsed) => Buffer.from(sip.stringify(parsed)),
    });
  }
  const jssip = (await load('jssip/lib/Parser')) as { parseMessage(text: string, ua: unknown): unknown } | undefined;
  if (jssip !== undefined) {
    const ua = { get: () => undefined };
    all.push({ name: 'jssip', parse: (bytes) => jssip.parseMessage(bytes.toString('utf8'), ua) });
  }
  const sipjs = (await load('sip.js/lib/core/messages/parser.js')) as
    | { Parser: { parseMessage(text: string, logger: unknown): unknown } }
    | undefined;
  if (sipjs !== undefined) {
    const logger = { warn: () => undefined, error: () => undefined };
    all.push({ name: 'sip.js', parse: (bytes) => sipjs.Parser.parseMessage(bytes.toString('utf8'), logger) });
  }
  return all;
}

/** Calls a second, over all inputs in turn for one round. */
function rate<T>(inputs: readonly T[], work: (input: T) => unknown): number {
  const begin = performance.now();
  let count = 0;
  let tookMs = 0;
  do {
    for (const input of inputs) work(input);
    count += inputs.length;
    tookMs = performance.now() - begin;
  } while (tookMs < ROUND_MS);
  return (count / tookMs) * 1000;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Rounds of all contenders in turn, so that a busy moment of the machine meets them alike. */
function compare<T>(
  what: string,
  entries: { name: string; inputs: readonly T[]; work: (input: T) => unknown }[],
): void {
  const rates = entries.map((): number[] => []);
  for (const { inputs, work } of entries) rate(inputs, work);
  for (let round = 0; round < ROUNDS; round++) {
    entries.forEach(({ inputs, work }, i) => {
      rates[i].push(rate(inputs, work));
    });
  }
  const [ours, ...others] = rates.map(median);
  entries.forEach(({ name }, i) => {
    const own = [ours, ...others][i];
    const ratio = i === 0 ? '' : `  hailpoint is ${(ours / own).toFixed(1)} times as fast`;
    print(what, name, `${Math.round(own).toLocaleString('en')} messages/s${ratio}`);
  });
}

await bench(async () => {
  console.log(`${messages.length} messages, ${messages.reduce((sum, { length }) => sum + length, 0)} octets`);
  const all = await contenders();
  for (const { name, parse } of all) {
    for (const bytes of messages) if (parse(bytes) === undefined) throw new Error(`${name} refuses ${bytes}`);
  }
  compare(
    'octets -> routable message',
    all.map(({ name, parse }) => ({ name, inputs: messages, work: parse })),
  );
  compare(
    'message -> octets',
    all.flatMap(({ name, parse, format }) =>
      format === undefined ? [] : [{ name, inputs: messages.map(parse), work: format }],
    ),
  );
  compare(
    'octets -> message -> octets',
    all.flatMap(({ name, parse, format }) =>
      format === undefined ? [] : [{ name, inputs: messages, work: (bytes: Buffer) => format(parse(bytes)) }],
    ),
  );
});
