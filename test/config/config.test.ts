import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatProblem, loadConfig, packageFolder } from '../../src/config/index.ts';
import { checkConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problems.ts';
import { configReference } from './fields.ts';
import { brief, checkText, MINIMAL } from './kit.ts';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../test/fixtures/config/${name}`, import.meta.url));

test('the example of the documents: nothing is refused', () => {
  const { config, problems, warnings } = checkConfig(fixture('full.yaml'), {});
  assert.deepEqual(problems, []);
  assert.deepEqual(config?.encryption, { pbx: 'required' });
  assert.deepEqual(warnings, []);
});

test('without encryption the example loads, with every default', async () => {
  const config = await loadConfig(fixture('full-plain.yaml'));
  assert.deepEqual(config.terminal, {
    id: 'help-07',
    name: 'Platform 2, north stairs',
    stuckMs: 60_000,
    calls: {
      'control-room': {
        steps: [
          { ring: ['sip:100@pbx.example.net'], forMs: 20_000 },
          { ring: ['sip:101@pbx.example.net', 'sip:10.0.0.40'], forMs: 20_000 },
        ],
        cycles: 3,
        priority: 10,
        confirm: { digit: '1', withinMs: 20_000, prompt: join(packageFolder, 'device/sounds/confirm.wav') },
        limitMs: 600_000,
        warningMs: 10_000,
        prolong: '#',
        interrupted: 'hold',
      },
    },
    buttons: { help: { press: { call: 'control-room' } } },
    incoming: [
      {
        from: 'sip:*@pbx.example.net',
        answer: 'auto',
        as: 'page',
        priority: 5,
        delayMs: 0,
        limitMs: 1_800_000,
        interrupted: 'hold',
        chime: false,
      },
      {
        from: 'sip:100@*',
        answer: 'when-asked',
        as: 'intercom',
        priority: 6,
        delayMs: 0,
        limitMs: 600_000,
        interrupted: 'hold',
        chime: false,
      },
    ],
    outputs: { called: { on: ['calling', 'connected'] }, connected: { on: ['connected'], blinkMs: 500 } },
    multicast: [{ group: '239.255.0.10:5004', priority: 6, interrupted: 'hold', chime: false }],
    zones: { all: { priority: 5 } },
  });
  const group = { host: '239.255.0.10', port: 5004 };
  const control = { host: '239.255.0.10', port: 6061 };
  assert.deepEqual(config.pages, {
    groups: [
      {
        ...{ name: '239.255.0.10:5004', group, format: 'rtp', volume: 100, delayMs: 60 },
        ...{ sync: 'arrival', silenceMs: 1000, control },
      },
    ],
    zones: {
      all: {
        ...{ group, format: 'rtp', codec: 'g722', hops: 1, chime: false, channel: 26 },
        ...{ caller: 'Platform 2, north stairs', control },
      },
    },
  });
  assert.deepEqual(config.sip, {
    listen: { udp: [{ host: '0.0.0.0', port: 5060 }], tcp: [{ host: '0.0.0.0', port: 5060 }] },
    accounts: [
      {
        name: 'pbx',
        address: 'sip:help-07@pbx.example.net',
        servers: ['sip:10.0.0.2', 'sip:10.0.0.3'],
        username: 'help-07',
        password: 'pbx-secret',
        expiresMs: 300_000,
        nat: 'rewrite',
        register: 'preferred',
      },
    ],
    sessionExpiresS: 1800,
    redirects: 5,
    users: {},
    realm: 'help-07',
    strangers: 'refuse',
    rate: { stranger: 1_500, known: 5_000 },
    oversize: 'tcp',
    dscp: 24,
    firstAnswerMs: 2_000,
  });
  assert.deepEqual(config.device.buttons, { help: { driver: 'simulated' } });
  const { handsfree, ...media } = config.media;
  assert.deepEqual(media, { sound: { driver: 'none' }, volume: 80, country: 'europe', dscp: 46 });
  assert.deepEqual([handsfree?.echo, handsfree?.loudness.follow, config.night], ['auto', false, undefined]);
  assert.deepEqual(config.encryption, { pbx: 'none' });
  assert.deepEqual([config.codecs, config.packetMs, config.pauses], [['opus', 'g722', 'pcma', 'pcmu'], 20, false]);
  assert.deepEqual(config.mqtt, {
    url: 'mqtts://broker.example.net',
    username: 'help-07',
    password: 'mqtt-secret',
    base: 'hailpoint/help-07',
    discovery: 'homeassistant',
  });
  assert.deepEqual(config.web, { listen: { host: '127.0.0.1', port: 8080 } });
});

test('two entries of one group have names of their own', () => {
  const entry = '{ listen: "224.0.1.116:5001", format: poly, channel: 26 }';
  const { config, problems } = checkText(
    `${MINIMAL}multicast: [ ${entry}, { listen: "[ff15::10]:5004" }, ${entry} ]\n`,
  );
  assert.deepEqual(problems, []);
  const names = ['224.0.1.116:5001 channel 26', '[ff15::10]:5004', '224.0.1.116:5001 channel 26 (2)'];
  assert.deepEqual(
    config?.pages.groups.map(({ name }) => name),
    names,
  );
  assert.deepEqual(
    config?.terminal.multicast?.map(({ group }) => group),
    names,
  );
});

test('session timers are switched off by a word', () => {
  const { config, problems } = checkText(`${MINIMAL}sip: { session: off }\n`);
  assert.deepEqual(problems, []);
  assert.equal(config!.sip.sessionExpiresS, 0);
});

test('users of digest: their secrets are read, and a rule names only those there are', () => {
  const text = (rule: string): string =>
    `${MINIMAL}sip: { realm: desks, users: { desk: { password: { env: DESK } } } }\nincoming:\n  - { from: "*", ${rule}, answer: auto }\n`;
  const found = checkText(
    text('authenticated: desk, identity: "*.Example.net", source: "2001:db8::/32"'),
    {},
    { DESK: 'open sesame' },
  );
  assert.deepEqual(found.problems, []);
  // A rule that wants a proof answers nobody by himself.
  assert.deepEqual(
    found.warnings.filter(({ path }) => path.startsWith('incoming')),
    [],
  );
  assert.deepEqual(found.config?.sip.users, { desk: 'open sesame' });
  assert.equal(found.config?.sip.realm, 'desks');
  const [rule] = found.config!.terminal.incoming;
  assert.deepEqual([rule.authenticated, rule.identity, rule.source], [['desk'], ['*.example.net'], ['2001:db8::/32']]);
  const wrong = checkText(text('authenticated: desc'), {}, { DESK: 'x' });
  assert.deepEqual(wrong.problems.map(brief), [
    'terminal.yaml:5 incoming[0].authenticated: there is no user desc; did you mean desk?',
  ]);
});

test('a merge key brings in what is written elsewhere', async () => {
  const { config, problems } = checkText(
    `${MINIMAL}calls:\n  a: &a { steps: [ { ring: "sip:a@b" } ], cycles: 2 }\n  b: { <<: *a, limit: 1m }\n`,
  );
  assert.deepEqual(problems, []);
  const { a, b } = config!.terminal.calls;
  assert.deepEqual(b, { ...a, limitMs: 60_000 });
});

test('several servers at once, a race, and how long one server may be silent', () => {
  const text = `${MINIMAL}calls:\n  a: { race: true, steps: [ { ring: "sip:a@b" }, { ring: "sip:c@d" } ] }\n`;
  const { config, problems } = checkText(
    `${text}sip:\n  first-answer: 1500ms\n  accounts: { pbx: { address: "sip:a@b.c", register: all } }\n`,
  );
  assert.deepEqual(problems, []);
  assert.equal(config!.terminal.calls.a.race, true);
  assert.deepEqual([config!.sip.firstAnswerMs, config!.sip.accounts[0].register], [1_500, 'all']);
  assert.deepEqual(
    config!.warnings.map(({ path }) => path),
    ['sip.accounts.pbx.register'],
  );
  const [late] = checkText(`${MINIMAL}sip: { first-answer: 5s }\n`).problems;
  assert.deepEqual([late.message, late.expected], ['5s is too long', 'a duration of 500ms to 4s']);
});

test('what is handed out is frozen all the way down', async () => {
  const config = await loadConfig(fixture('full-plain.yaml'), {});
  assert.throws(() => (config.sip.listen.udp[0] as { port: number }).port++, TypeError);
  assert.throws(() => ((config.terminal as { name: string }).name = 'x'), TypeError);
});

test('every problem at once, each at its line, in the file it stands in', () => {
  const { config, problems } = checkConfig(fixture('many-problems.yaml'), {});
  assert.equal(config, undefined);
  assert.deepEqual(
    problems.map(brief).map((one) => one.replace(/read \/\S*\//, 'read /')),
    [
      'many-problems.yaml:3 terminal.id: "help/07" is not possible',
      'many-problems.yaml:4 terminal.nam: nam is not known here; did you mean name?',
      'many-problems.yaml:5 device.sound.rate: 44100 is not known',
      'many-problems.yaml:9 sip.accounts.pbx.address: "sip:help-07" has no domain',
      'many-problems.yaml:10 sip.accounts.pbx.servers: sips: goes over TLS, and not over UDP',
      'many-problems.yaml:12 : password is written twice',
      'many-problems.yaml:17 calls.control-room.steps[0].for: 20 has no unit, so it could be seconds, milliseconds or minutes',
      'many-problems.yaml:18 calls.control-room.steps[1].ring: is empty',
      'many-problems.yaml:18 calls.control-room.steps[1].fro: fro is not known here; did you mean for?',
      'many-problems.yaml:19 calls.control-room.confirm.digit: 12 is a number: for a text write "12"',
      'many-problems.yaml:20 calls.control-room.priority: 11 is out of range',
      'many-problems.yaml:22 buttons.help.press.call: there is no call plan controlroom; did you mean control-room?',
      'many-problems.yaml:23 buttons.side.press: a press does exactly one thing',
      'many-problems.yaml:23 buttons.side: the device has no button side',
      'many-problems.yaml:25 incoming[0].from: 100 is a number: for a text write "100"',
      'many-problems.yaml:25 incoming[0].answer: autom is not known; did you mean auto?',
      'many-problems.yaml:27 outputs.called.on[1]: conected is not known; did you mean connected?',
      'many-problems.yaml:27 outputs.called.blink: 1ms is too short',
      'many-problems.yaml:28 audio.codecs[0]: opuss is not known; did you mean opus?',
      'many-problems.yaml:28 audio.volume: "loud" is a text',
      'many-problems.yaml:29 mqtt.url: "http://broker" is not possible',
      'many-problems.yaml:30 web.listen: "localhost:8080" is no IP address with a port',
      'board.yaml:3 buttons.help.active: lo is not known; did you mean low?',
      'board.yaml:3 buttons.help.debounce: 30 has no unit, so it could be seconds, milliseconds or minutes',
      'board.yaml:4 buttons.door.driver: the driver evdev is not available in this version',
      'board.yaml:6 outputs.called: line GPIO17 of pinctrl-bcm2711 is already buttons.help',
      'board.yaml:10 outputs.called.bias: bias is not known here',
      'board.yaml:11 outputs.bell.driver: modbuss is not known',
    ],
  );
});

test('the error lists them all, as a person would read them', async () => {
  await assert.rejects(loadConfig(fixture('many-problems.yaml'), {}), (error: ConfigError) => {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.code, 'config');
    assert.equal(error.message.split('\n').length, error.problems.length + 1);
    assert.match(
      error.message,
      /many-problems\.yaml:20: calls\.control-room\.priority: 11 is out of range \(expected a whole number from 1 to 10\)/,
    );
    return true;
  });
});

test('a file that is not there', () => {
  const { problems } = checkConfig('/nowhere/terminal.yaml', {});
  assert.deepEqual(problems.map(formatProblem), ['/nowhere/terminal.yaml:1: cannot be read: no such file']);
});

for (const [sentence, text, expected] of [
  ['an empty file', '', ['terminal.yaml:1 terminal: is missing', 'terminal.yaml:1 device: is missing']],
  ['a list', '- terminal', ['terminal.yaml:1 : is a list']],
  [
    'tabs, and still the rest',
    'terminal:\n\tid: t\n\tnam: x\ndevice: simulated\n',
    [
      'terminal.yaml:2 : a tab indents this line',
      'terminal.yaml:3 : a tab indents this line',
      'terminal.yaml:3 terminal.nam: nam is not known here; did you mean name?',
    ],
  ],
  [
    'a quote that does not end',
    'terminal: { id: "t }\n',
    [/^terminal\.yaml:\d : this is not YAML, column \d+: Missing/],
  ],
  ['two documents', `${MINIMAL}---\na: 1\n`, [/^terminal\.yaml:3 : this is not YAML/]],
  ['an alias to nothing', `${MINIMAL}calls: *plans\n`, ['terminal.yaml:3 : there is no &plans above this']],
  [
    'letters of another encoding',
    `terminal: { id: t, name: "T\u{fffd}r" }\ndevice: simulated\nx: 1\n`,
    ['terminal.yaml:1 : column 28 is no character of a text', /^terminal\.yaml:3 x: x is not known here/],
  ],
  ['no text at all', '\0\x01\x02: [', ['terminal.yaml:1 : column 1 is no character of a text']],
  [
    'a file without end',
    `${MINIMAL}${'# x\n'.repeat(300_000)}`,
    ['terminal.yaml:1 : cannot be read: it has more than 1048576 bytes'],
  ],
  [
    'a list instead of a text, said once',
    `${MINIMAL}mqtt: { url: "mqtt://a", username: [] }\n`,
    ['terminal.yaml:3 mqtt.username: is a list'],
  ],
  [
    'a port of the broker that is none',
    `${MINIMAL}mqtt: { url: "mqtt://a:99999" }\n`,
    ['terminal.yaml:3 mqtt.url: there is no such port'],
  ],
  [
    'passwords in URLs are not repeated',
    `${MINIMAL}mqtt: { url: "mqtt://u:s3cr3t@broker" }\ncalls: { c: { steps: [ { ring: "sip:a:s3cr3t@[b c" } ] } }\n`,
    [
      'terminal.yaml:3 mqtt.url: "mqtt://u:...@broker" is not possible',
      /^terminal\.yaml:4 calls\.c\.steps\[0\]\.ring: ((?!s3cr3t).)*$/,
    ],
  ],
  [
    'a directory as a prompt',
    `${MINIMAL}calls: { a: { prompt: ".", steps: [ { ring: "sip:a@b" } ] } }\n`,
    [/^terminal\.yaml:3 calls\.a\.prompt: cannot read .*: it is a directory$/],
  ],
  [
    'a mistake behind a merge key, at its own line',
    `${MINIMAL}calls:\n  a: &a\n    cycles: 0\n    steps: [ { ring: "sip:a@b" } ]\n  b: { <<: *a, limit: 1m }\n`,
    ['terminal.yaml:5 calls.a.cycles: 0 is out of range', 'terminal.yaml:5 calls.b.cycles: 0 is out of range'],
  ],
  ['a key without value', 'terminal:\ndevice: simulated\n', ['terminal.yaml:1 terminal: has no value']],
  [
    'a profile nobody has',
    'terminal: { id: t }\ndevice: simulatd\n',
    [/^terminal\.yaml:2 device: cannot read the profile \S+: no such file; did you mean simulated\?$/],
  ],
  [
    'an own profile that is not there',
    'terminal: { id: t }\ndevice: { profile: ./b.yaml }\n',
    [/^terminal\.yaml:2 device\.profile: cannot read the profile \/\S+\/b\.yaml: no such file$/],
  ],
  [
    'a group that is none',
    `${MINIMAL}multicast: [ { listen: "10.0.0.1:5004" } ]\n`,
    ['terminal.yaml:3 multicast[0].listen: this is no multicast group'],
  ],
  [
    'a codec that the format does not carry',
    `${MINIMAL}multicast: [ { listen: "224.0.1.116:5001", format: poly, codec: opus } ]\n`,
    ['terminal.yaml:3 multicast[0].codec: that format does not carry this codec'],
  ],
  [
    'a zone that is not there, named by a button and by a rule',
    `${MINIMAL}zones: { all: { send: "239.0.0.1:5004" } }
buttons: { help: { press: { page: al, play: /dev/null } } }
incoming: [ { from: "sip:a@b", answer: auto, as: intercom, zone: yard } ]
`,
    [
      'terminal.yaml:4 buttons.help.press.page: there is no zone al; did you mean all?',
      'terminal.yaml:5 incoming[0].zone: there is no zone yard',
      'terminal.yaml:5 incoming[0].zone: only a page can go to a zone',
    ],
  ],
  [
    'a page without a message',
    `${MINIMAL}zones: { all: { send: "239.0.0.1:5004" } }\nbuttons: { help: { press: { page: all } } }\n`,
    ['terminal.yaml:4 buttons.help.press: a page has a zone and a message'],
  ],
  [
    'a name that cannot be a topic',
    `${MINIMAL}zones: { "a/b": { send: "239.0.0.1:5004" } }\n`,
    ['terminal.yaml:3 zones.a/b: "a/b" is no usable name'],
  ],
  ['nothing to listen to', `${MINIMAL}sip: { listen: {} }\n`, ['terminal.yaml:3 sip.listen: nothing is listened to']],
  [
    'a transport nobody has',
    `${MINIMAL}buttons: { help: { press: { dial: "sip:1@h;transport=SCTP" } } }\n`,
    ['terminal.yaml:3 buttons.help.press.dial: transport=sctp is not known'],
  ],
  [
    'TLS listened to without a certificate',
    `${MINIMAL}sip: { listen: { tls: "0.0.0.0:5061" } }\n`,
    ['terminal.yaml:3 sip.listen.tls: who calls over TLS wants to see a certificate, and there is none'],
  ],
  [
    'a certificate without key, that is none',
    `${MINIMAL}sip:\n  tls: { certificate: terminal.yaml }\n`,
    [
      /^terminal\.yaml:4 sip\.tls\.certificate: \S+ has no PEM certificate$/,
      'terminal.yaml:4 sip.tls.certificate: a certificate without its key is of no use',
    ],
  ],
  [
    'a key without certificate, that is none',
    `${MINIMAL}sip:\n  tls:\n    key: { file: terminal.yaml }\n`,
    [
      'terminal.yaml:5 sip.tls.key: this is no private key in PEM',
      'terminal.yaml:5 sip.tls.key: a key without its certificate is of no use',
    ],
  ],
  [
    'a fingerprint that is too short, and an authority that is not there',
    `${MINIMAL}sip:\n  tls:\n    fingerprint: "sha256:AB:CD"\n    ca: gone.pem\n`,
    [
      'terminal.yaml:5 sip.tls.fingerprint: "sha256:AB:CD" is no SHA-256 fingerprint',
      /^terminal\.yaml:6 sip\.tls\.ca: cannot read \S+gone\.pem: no such file$/,
    ],
  ],
  [
    'prompts of every wrong kind',
    `${MINIMAL}calls:
  a: { steps: [ { ring: "sip:1@h" } ], prompt: { say: "" } }
  b: { steps: [ { ring: "sip:1@h" } ], prompt: [ gone.wav ] }
  c: { steps: [ { ring: "sip:1@h" } ], prompt: { de: gone.wav } }
  d: { steps: [ { ring: "sip:1@h" } ], prompt: 7 }
`,
    [
      'terminal.yaml:4 calls.a.prompt.say: is empty',
      /^terminal\.yaml:5 calls\.b\.prompt\[0\]: cannot read \S+gone\.wav: no such file$/,
      /^terminal\.yaml:6 calls\.c\.prompt\.de: cannot read \S+gone\.wav: no such file$/,
      /^terminal\.yaml:7 calls\.d\.prompt: /,
    ],
  ],
  [
    'classes of service nobody knows',
    `${MINIMAL}sip: { dscp: af44, media: { dscp: 64 } }\n`,
    ['terminal.yaml:3 sip.dscp: "af44" is no class of service', 'terminal.yaml:3 sip.media.dscp: 64 is out of range'],
  ],
  [
    'an account whose address is a phone number',
    `${MINIMAL}sip: { accounts: { a: { address: "tel:+431" } } }\n`,
    ['terminal.yaml:3 sip.accounts.a.address: "tel:+431" is no SIP address'],
  ],
  [
    'a session too short for the standard',
    `${MINIMAL}sip: { session: 60s }\n`,
    ['terminal.yaml:3 sip.session: 60s is too short'],
  ],
  [
    'ports the wrong way round',
    `${MINIMAL}sip: { media: { ports: 20100-20000 } }\n`,
    ['terminal.yaml:3 sip.media.ports: 20100-20000 is not usable'],
  ],
  [
    'a prompt that is not there',
    `${MINIMAL}calls: { a: { steps: [ { ring: "sip:1@h" } ], prompt: gone.wav } }\n`,
    [/^terminal\.yaml:3 calls\.a\.prompt: cannot read \/\S+\/gone\.wav: no such file$/],
  ],
  [
    'a source that is no address',
    `${MINIMAL}incoming: [ { from: "*", source: 10.0.0.0/40, answer: auto } ]\n`,
    ['terminal.yaml:3 incoming[0].source: "10.0.0.0/40" is no address or prefix'],
  ],
] as const) {
  test(`refused: ${sentence}`, () => {
    const problems = checkText(text).problems.map(brief);
    assert.equal(problems.length, expected.length, problems.join('\n'));
    expected.forEach((wanted, index) => {
      if (typeof wanted === 'string') assert.equal(problems[index], wanted);
      else assert.match(problems[index], wanted);
    });
  });
}

for (const [sentence, text, expected] of [
  ['nothing to say', MINIMAL, []],
  [
    'anybody is answered',
    `${MINIMAL}incoming: [ { from: "*", answer: auto } ]\n`,
    [/incoming\[0\]\.from: answers by itself anybody/],
  ],
  [
    'any address is answered',
    `${MINIMAL}incoming: [ { from: "sip:1@h", source: 0.0.0.0/0, answer: when-asked } ]\n`,
    [/incoming\[0\]\.source: answers by itself a call from any address/],
  ],
  ['anybody may ring', `${MINIMAL}incoming: [ { from: "*", answer: ring } ]\n`, []],
  [
    'an inline secret',
    `${MINIMAL}mqtt: { url: "mqtts://b", password: x }\n`,
    [/mqtt\.password: the secret stands in this file/],
  ],
  [
    'a password on a readable wire',
    `${MINIMAL}mqtt: { url: "mqtt://b", password: { env: P } }\n`,
    [/mqtt\.url: the password crosses the network readable/],
  ],
  [
    'keys that cross the network readable',
    `${MINIMAL}sip: { accounts: { a: { address: "sip:a@b", servers: "sip:10.0.0.2", encryption: offered } } }\n`,
    [/encryption: the keys of these calls cross the network readable/],
  ],
  [
    'keys that DTLS agrees on, for calls that have none',
    `${MINIMAL}sip: { accounts: { a: { address: "sip:a@b", servers: "sip:10.0.0.2", keys: dtls } } }\n`,
    [/keys: calls that are not encrypted have no keys: encryption: offered or required/],
  ],
  [
    'nothing, where DTLS agrees on them',
    `${MINIMAL}sip: { accounts: { a: { address: "sip:a@b", servers: "sip:10.0.0.2", encryption: required, keys: dtls } } }\n`,
    [],
  ],
] as const) {
  test(`warned of: ${sentence}`, () => {
    const { config, warnings, problems } = checkText(text, {}, { P: 'secret' });
    assert.deepEqual(problems, []);
    assert.deepEqual(config?.warnings, warnings);
    const lines = warnings.map(brief);
    assert.equal(lines.length, expected.length, lines.join('\n'));
    for (const [index, wanted] of expected.entries()) assert.match(lines[index], wanted);
  });
}

test('each field of the schema has its help text and says what it takes', () => {
  const rows = configReference();
  const paths = rows.map(({ path }) => path);
  for (const path of [
    'terminal.id',
    'calls.NAME.steps[0].for',
    'incoming[0].priority',
    'sip.accounts.NAME.password',
    'mqtt.ca',
    'sip.tls.key',
    'sip.tls.fingerprint',
  ]) {
    assert.ok(paths.includes(path), `${path} is among ${paths.join(', ')}`);
  }
  const step = rows.find(({ path }) => path === 'calls.NAME.steps[0].for');
  assert.deepEqual(step, {
    path: 'calls.NAME.steps[0].for',
    help: 'How long, before the next step.',
    expected: 'a duration of 500ms to 10m',
    default: '20s',
  });
  const leaves = rows.filter(
    ({ path }) => !paths.some((other) => other.startsWith(`${path}.`) || other.startsWith(`${path}[`)),
  );
  assert.deepEqual(
    leaves.filter(({ expected }) => expected === undefined).map(({ path }) => path),
    [],
  );
});

test('a prompt in several languages is played in those that are wanted, in their order', async () => {
  const promptOf = async (prompt: string, audio = ''): Promise<unknown> => {
    const text = `${MINIMAL}calls: { a: { steps: [ { ring: "sip:1@h" } ], prompt: ${prompt} } }\naudio: { voice: en+f2${audio} }\n`;
    const { config, problems } = await checkText(text, { 'de.wav': '', 'en.wav': '' });
    assert.deepEqual(problems.map(brief), []);
    return JSON.parse(JSON.stringify(config!.terminal.calls.a.prompt).replaceAll(/"[^"]*\/(\w+\.wav)"/g, '"$1"'));
  };
  const both = '{ de: de.wav, en: { say: Help is called. } }';
  const german = 'de.wav';
  const english = { say: 'Help is called.', voice: 'en' };
  assert.deepEqual(await promptOf('de.wav'), german);
  assert.deepEqual(await promptOf('{ say: Help is called. }'), [{ ...english, voice: 'en+f2' }]);
  assert.deepEqual(await promptOf('[ de.wav, { say: Help is called., voice: de } ]'), [
    german,
    { ...english, voice: 'de' },
  ]);
  assert.deepEqual(await promptOf(both), [german, english]);
  assert.deepEqual(await promptOf(both, ', languages: [ en, de ]'), [english, german]);
  assert.deepEqual(await promptOf(both, ', languages: de'), german);
  assert.deepEqual(await promptOf(both, ', languages: fr'), [german, english]);
});
