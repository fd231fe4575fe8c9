/**
 * The terminal's file: one schema for type, default, range, unit and help text. Values come out in the units of the code
 * (ms), secrets and files already read.
 */
import { z } from 'zod';
import { COUNTRY_TONES, type Country } from '../audio/index.ts';
import { CODEC_NAMES } from '../sdp/index.ts';
import {
  about,
  addressOfRecord,
  addressRange,
  dscp,
  duration,
  fingerprint,
  hostPort,
  hours,
  integer,
  listOf,
  oneOf,
  portRange,
  sipUri,
  text,
} from './fields.ts';
import { voice } from './prompt.ts';
import { handsfreeKeys } from './schema-handsfree.ts';
import { multicast, zone } from './schema-pages.ts';
import { button, callPlan, incomingRule, named, output } from './schema-terminal.ts';
import { certificates, privateKey, type Surroundings, secret, whyNoPair } from './secrets.ts';

const terminal = z.strictObject({
  id: about('Topic segment, journal, default SIP user.', z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)).meta({
    expected: 'letters, digits, ".", "_" and "-", at most 64',
  }),
  name: about('Where it stands, for people.', text('a text').optional()),
  stuck: about('A button held this long is reported as stuck.', duration('1s', '1h').prefault('60s')),
});

/** Parts of the profile may be replaced; they are checked together with it. */
const device = z
  .union([
    z.string().min(1),
    z.strictObject({
      profile: about("A profile's name, or a path to one.", text("a profile's name, or a path to one")),
      buttons: z.record(z.string(), z.unknown()).optional(),
      outputs: z.record(z.string(), z.unknown()).optional(),
      sound: z.record(z.string(), z.unknown()).optional(),
    }),
  ])
  .meta({ expected: "a profile's name, a path to one, or { profile: NAME, sound: ... }" });

function tls(around: Surroundings) {
  return z
    .strictObject({
      certificate: about(
        'PEM file of our own: shown to callers, and to servers that ask for it.',
        certificates(around).optional(),
      ),
      key: about('The key of our certificate.', privateKey(around).optional()),
      ca: about('PEM file of the authorities to trust instead of the public ones.', certificates(around).optional()),
      fingerprint: about(
        "Servers' certificates to trust, whoever signed them and for whatever name; without ca no others.",
        listOf(fingerprint).optional(),
      ),
    })
    .superRefine(({ certificate, key }, context) => {
      const why = certificate !== undefined && key !== undefined ? whyNoPair(certificate, key) : undefined;
      if (why !== undefined) context.addIssue({ code: 'custom', message: why, path: ['key'] });
    });
}

function sip(around: Surroundings) {
  const port = (transport: string) => about(`Where SIP over ${transport} is listened to.`, listOf(hostPort).optional());
  const account = z.strictObject({
    address: about('The address of record.', addressOfRecord),
    servers: about('SIP servers by preference; none: the domain of the address.', listOf(sipUri).optional()),
    username: about('For digest; default: the user of the address.', text('a text').optional()),
    password: about('For digest.', secret(around).optional()),
    register: about(
      'preferred: at the first server that answers; all: at every one of them.',
      oneOf(['preferred', 'all']).prefault('preferred'),
    ),
    expires: about('How long a registration lasts.', duration('10s', '1d').prefault('300s')),
    nat: about(
      'Whether our Contact names the address the registrar sees, when that is not ours.',
      oneOf(['rewrite', 'off']).prefault('rewrite'),
    ),
    encryption: about(
      'SRTP of its calls; required: encrypted or not at all.',
      oneOf(['none', 'offered', 'required']).prefault('none'),
    ),
    keys: about(
      'Where the keys of encrypted calls of ours come from: they stand in the SDP, or are agreed on where the sound goes (DTLS-SRTP). Both are understood.',
      oneOf(['sdes', 'dtls']).prefault('sdes'),
    ),
    dtmf: about(
      'How digits are sent: as telephone-events, by INFO, or as tones in the sound (then telephone-events are not spoken of), which also go to who has none.',
      oneOf(['rfc4733', 'info', 'inband']).prefault('rfc4733'),
    ),
    presence: about('Publishes whether the terminal is in a call.', z.boolean().prefault(false)).meta({
      expected: 'true or false',
    }),
    'watch-registration': about(
      'Subscribes to its own registration: one that the server drops is made anew at once.',
      z.boolean().prefault(false),
    ).meta({ expected: 'true or false' }),
  });
  const user = z.strictObject({ password: about('For digest.', secret(around)) });
  return z.strictObject({
    listen: about(
      'Where SIP is listened to.',
      z
        .strictObject({ udp: port('UDP'), tcp: port('TCP'), tls: port('TLS') })
        .prefault({ udp: '0.0.0.0:5060', tcp: '0.0.0.0:5060' }),
    ),
    'first-answer': about(
      'A server that has not answered a call by then is passed over, when there is another one.',
      duration('500ms', '4s').prefault('2s'),
    ),
    tls: about('SIP over TLS: who we are, and whom we trust.', tls(around).optional()),
    redirects: about(
      'How many other targets a call may be sent on to by who is called (3xx); 0: none.',
      integer(0, 10).prefault(5),
    ),
    session: about(
      'Talks are refreshed within this time, or end (RFC 4028); off: only where the other side asks for it.',
      duration('90s', '1d', 'off').prefault('30m'),
    ),
    users: about(
      'Who can prove by digest who they are, for rules that say authenticated.',
      named('a user', user).prefault({}),
    ),
    realm: about(
      'What callers are shown when they are asked for a password; default: terminal.id.',
      text('a text').optional(),
    ),
    strangers: about(
      'Who is in no rule and no account: refuse answers without a word about us, silent not at all.',
      oneOf(['refuse', 'silent']).prefault('refuse'),
    ),
    rate: about(
      'Requests a second that are looked at: of one address nobody knows, and of one that a rule or account names.',
      z
        .strictObject({
          stranger: about('Each address, IPv6 each /64.', integer(1, 10_000).prefault(1_500)),
          known: about('Each address.', integer(10, 100_000).prefault(5_000)),
        })
        .prefault({}),
    ),
    oversize: about(
      'How a request goes that is larger than 1300 octets: by TCP where the server has it, or by UDP in fragments.',
      oneOf(['tcp', 'udp']).prefault('tcp'),
    ),
    dscp: about('What SIP is marked with on the network.', dscp.prefault('cs3')),
    accounts: about('Where the terminal registers.', named('an account', account).prefault({})),
    dtmf: about(
      'Digits, of every account. Telephone-events and INFO are always understood.',
      z
        .strictObject({
          duration: about('Of each digit that is sent.', duration('40ms', '1s').prefault('160ms')),
          gap: about('Between two digits.', duration('40ms', '1s').prefault('100ms')),
          tones: about(
            'Whether tones in what is heard are digits; fallback: of who has no telephone-events.',
            oneOf(['never', 'fallback', 'always']).prefault('fallback'),
          ),
        })
        .prefault({}),
    ),
    watchers: about(
      "Who may subscribe to the state of its calls and take one over (Replaces), beside the accounts' own servers.",
      listOf(addressRange).optional(),
    ),
    media: about(
      'RTP.',
      z
        .strictObject({
          ports: about('UDP ports; default: any.', portRange.optional()),
          dscp: about('What RTP is marked with on the network.', dscp.prefault('ef')),
        })
        .prefault({}),
    ),
  });
}

const jitter = z
  .strictObject({
    min: about('In calls: on a quiet network.', duration('0ms', '200ms').prefault('10ms')),
    max: about('In calls: on the worst one.', duration('20ms', '300ms').prefault('200ms')),
    page: about('In calls that we only listen to: on every network.', duration('0ms', '500ms').prefault('60ms')),
  })
  .refine(({ min, max }) => min <= max, { path: ['min'], error: 'it is more than max' });

const audio = z.strictObject({
  codecs: about('By preference.', listOf(oneOf(CODEC_NAMES)).prefault(['opus', 'g722', 'pcma', 'pcmu'])),
  ptime: about(
    'How much sound each packet is to hold: 10ms to 60ms.',
    duration('10ms', '60ms')
      .refine((ms) => ms % 10 === 0, { error: 'it is no multiple of 10ms' })
      .prefault('20ms'),
  ),
  jitter: about(
    'How long sound is held before it is played, so that what comes late is not missed.',
    jitter.prefault({}),
  ),
  dtx: about(
    'Pauses need not be sent, either way: Opus DTX, comfort noise (RFC 3389).',
    z.boolean().prefault(false),
  ).meta({
    expected: 'true or false',
  }),
  volume: about('Loudspeaker, percent.', integer(0, 100).prefault(80)),
  ...handsfreeKeys,
  country: about(
    "Whose telephones' tones sound.",
    oneOf(Object.keys(COUNTRY_TONES) as [Country, ...Country[]]).prefault('europe'),
  ),
  voice: about('Who speaks texts: a voice of espeak-ng.', voice.prefault('en')),
  languages: about(
    'In which prompts are played that there are in several, one after the other; default: all.',
    listOf(z.string().regex(/^[a-z]{2}(-[a-z0-9]+)?$/)).optional(),
  ).meta({ expected: 'codes of languages such as de, en or pt-br' }),
});

const recordings = z.strictObject({
  megabytes: about('They take at most so much; the oldest go.', integer(10, 1_000_000).prefault(500)),
  free: about(
    'Megabytes that are left free on the disk; where there are fewer nothing is recorded.',
    integer(10, 1_000_000).prefault(200),
  ),
  keep: about('Older ones go.', duration('1h', '3650d').prefault('30d')),
});

function mqtt(around: Surroundings) {
  return z.strictObject({
    url: about(
      'The broker.',
      z
        .string()
        .regex(/^mqtts?:\/\/(\[[0-9a-fA-F:]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(:\d{1,5})?\/?$/)
        .refine((url) => Number(/:(\d+)\/?$/.exec(url)?.[1] ?? 1) <= 65_535, { error: 'there is no such port' }),
    ).meta({
      expected: 'mqtts://HOST[:PORT] or mqtt://HOST[:PORT]; user and password have keys of their own',
    }),
    username: about('At the broker.', text('a text').optional()),
    password: about('At the broker.', secret(around).optional()),
    ca: about('PEM file of the authorities to trust instead of the public ones.', certificates(around).optional()),
    discovery: about(
      'Home Assistant discovery; a text is its topic prefix.',
      z.union([z.boolean(), z.string().regex(/^[^+#\s]+$/)]).prefault(true),
    ).meta({
      expected: 'true, false or a topic prefix',
    }),
    base: about(
      'Topic prefix; default: hailpoint/<id>.',
      z
        .string()
        .regex(/^[^+#\s/][^+#\s]*[^+#\s/]$/)
        .optional(),
    ).meta({
      expected: 'a topic without +, # and blanks',
    }),
  });
}

const web = z.strictObject({ listen: about('Where the page is served.', hostPort) });

const selftest = z.strictObject({
  every: about(
    'How often, once `hailpoint selftest --baseline` has kept what is right; off: only when asked for.',
    duration('1h', '30d', 'off').prefault('24h'),
  ),
  quiet: about(
    'The hours, by the local clock, in which it does not sound unasked; or none.',
    z.union([z.literal('none'), hours]).prefault('22:00-06:00'),
  ).meta({ expected: 'hours such as 22:00-06:00, or none' }),
});

export function terminalSchema(around: Surroundings) {
  return z.strictObject({
    terminal: about('Who this is.', terminal),
    device: about('How the board is wired.', device),
    sip: about('SIP.', sip(around).prefault({})),
    calls: about('Call plans.', named('a call plan', callPlan(around)).prefault({})),
    buttons: about('What the buttons do.', named('a button', button(around)).prefault({})),
    incoming: about('The first rule that matches decides; none: 603.', z.array(incomingRule).prefault([])).meta({
      expected: 'a list of rules',
    }),
    multicast: about('Pages by multicast.', z.array(multicast).prefault([])).meta({ expected: 'a list of groups' }),
    zones: about('Zones to page.', named('a zone', zone).prefault({})),
    outputs: about('What lamps and relays follow.', named('an output', output).prefault({})),
    recordings: about('What is recorded, in the state directory.', recordings.prefault({})),
    audio: about('Sound.', audio.prefault({})),
    selftest: about('The chirp by which loudspeaker and microphone test themselves.', selftest.prefault({})),
    mqtt: about('MQTT; absent: none.', mqtt(around).optional()),
    web: about('The page; absent: none.', web.optional()),
  });
}

export type TerminalFile = z.output<ReturnType<typeof terminalSchema>>;
