import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brief, checkText } from './kit.ts';

const PROFILE = `name: Board
buttons:
  help: { driver: gpiochip, chip: c0, line: GPIO17, active: low, bias: pull-up }
outputs:
  called: { driver: gpiochip, chip: c0, line: 22 }
sound: { driver: alsa, speaker: "hw:0", microphone: "hw:1", period: 20ms }
`;

function device(override: string) {
  const text = `terminal: { id: t }\ndevice: { profile: sub/board.yaml${override} }\nbuttons: { help: {} }\n`;
  return checkText(text, { 'sub/board.yaml': PROFILE });
}

test('a profile as it is', () => {
  const { config, problems } = device('');
  assert.deepEqual(problems, []);
  assert.equal(config!.device.name, 'Board');
  assert.deepEqual(config!.device.buttons, {
    help: { driver: 'gpiochip', chip: 'c0', line: 'GPIO17', active: 'low', bias: 'pull-up', debounceMs: 30 },
  });
  assert.deepEqual(config!.device.outputs, {
    called: { driver: 'gpiochip', chip: 'c0', line: 22, active: 'high', debounceMs: 0 },
  });
  assert.deepEqual(config!.media.sound, {
    driver: 'alsa',
    speaker: 'hw:0',
    microphone: 'hw:1',
    rateHz: 16_000,
    periodMs: 20,
    releaseMs: 5000,
  });
});

test('the same driver: only what is named is replaced', () => {
  const { config } = device(', buttons: { help: { line: GPIO27 } }, sound: { speaker: "hw:2" }');
  assert.deepEqual(config!.device.buttons.help, {
    driver: 'gpiochip',
    chip: 'c0',
    line: 'GPIO27',
    active: 'low',
    bias: 'pull-up',
    debounceMs: 30,
  });
  assert.deepEqual(config!.media.sound, {
    driver: 'alsa',
    speaker: 'hw:2',
    microphone: 'hw:1',
    rateHz: 16_000,
    periodMs: 20,
    releaseMs: 5000,
  });
});

test('a second card, mixer controls, and a loudspeaker that is never let go of', () => {
  const second = 'fallback: { speaker: "hw:3", controls: { PCM: -6dB } }';
  const controls = 'controls: { Speaker: 80%, "Auto Gain Control": off, "Mic Boost": false }';
  const { config, problems } = device(`, sound: { speaker: "usb:1-1.2", ${second}, ${controls}, release: never }`);
  assert.deepEqual(problems, []);
  assert.deepEqual(config!.media.sound, {
    driver: 'alsa',
    speaker: 'usb:1-1.2',
    microphone: 'hw:1',
    fallback: { speaker: 'hw:3', controls: { PCM: '-6dB' } },
    controls: { Speaker: '80%', 'Auto Gain Control': 'off', 'Mic Boost': 'off' },
    rateHz: 16_000,
    periodMs: 20,
    releaseMs: 0,
  });
});

test('another driver replaces the whole entry', () => {
  const { config } = device(
    ', outputs: { called: { driver: simulated } }, sound: { driver: file, speaker: heard.wav }',
  );
  assert.deepEqual(config!.device.outputs, { called: { driver: 'simulated' } });
  const { sound } = config!.media;
  assert.equal(sound.driver, 'file');
  assert.match((sound as { speaker: string }).speaker, /hailpoint-config-[^/]+\/heard\.wav$/);
});

test('a path in the profile is relative to the profile', () => {
  const text = 'terminal: { id: t }\ndevice: sub/board.yaml\n';
  const { config } = checkText(text, {
    'sub/board.yaml': 'sound: { driver: file, speaker: heard.wav, microphone: /said.wav }\n',
  });
  const { speaker, microphone } = config!.media.sound as { speaker: string; microphone: string };
  assert.match(speaker, /\/sub\/heard\.wav$/);
  assert.equal(microphone, '/said.wav');
});

for (const [sentence, override, expected] of [
  [
    'a control as a number',
    ', sound: { controls: { Speaker: 80 } }',
    'terminal.yaml:2 device.sound.controls.Speaker: 80 is a number',
  ],
  ['in the override', ', sound: { rate: 1 }', 'terminal.yaml:2 device.sound.rate: 1 is not known'],
  [
    'in the profile, because of the override',
    ', sound: { driver: file }, outputs: { called: { line: GPIO17 } }',
    'terminal.yaml:2 device.outputs.called: line GPIO17 of c0 is already buttons.help',
  ],
  ['an unknown part', ', lamps: {}', 'terminal.yaml:2 device.lamps: lamps is not known here'],
] as const) {
  test(`a problem ${sentence}`, () => assert.deepEqual(device(override).problems.map(brief), [expected]));
}

test('a lamp with a driver of a later version stays dark, said aloud; the rest works', () => {
  const { config, warnings } = device(', outputs: { called: { driver: leds, name: green } }');
  assert.deepEqual(config!.device.outputs, { called: { driver: 'simulated' } });
  assert.deepEqual(warnings.map(brief), [
    'terminal.yaml:2 device.outputs.called.driver: the driver leds is not available in this version: called stays dark',
  ]);
});

test('a button nobody uses and a lamp nobody wired are warned of', () => {
  const text = 'terminal: { id: t }\ndevice: board.yaml\noutputs:\n  caled: { on: calling }\n';
  const { warnings } = checkText(text, { 'board.yaml': PROFILE });
  assert.deepEqual(warnings.map(brief), [
    'terminal.yaml:1 buttons: the device has a button help, and pressing it does nothing',
    'terminal.yaml:4 outputs.caled: the device has no output caled: nothing will be lit; did you mean called?',
  ]);
});

test('a simulated board has whatever is named', () => {
  const text =
    'terminal: { id: t }\ndevice: simulated\nbuttons: { a: {}, b: {} }\noutputs: { x: { on: [ calling ] } }\n';
  const { config } = checkText(text);
  assert.deepEqual(config!.device.buttons, { a: { driver: 'simulated' }, b: { driver: 'simulated' } });
  assert.deepEqual(config!.device.outputs, { x: { driver: 'simulated' } });
});
