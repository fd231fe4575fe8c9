/** Nobody is reached: what the person says then is on the disk, and the call's end says so. With the file sound driver, no peer. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Service } from '../../src/app/index.ts';
import { silentLogger } from '../../src/base/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { readEvents } from '../../src/journal/index.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { until } from '../kit/wait.ts';
import { cut, formatWav, judge, levelDbfs, readWav, toneDbfs } from '../kit/wav.ts';
import { babble, sine } from '../media/pair.ts';

test('who reaches nobody leaves word, and what was said is what is kept', async (t) => {
  const { path: folder, remove } = temporaryDirectory();
  const file = (name: string): string => join(folder, name);
  // The driver lets the microphone be heard from the moment it is opened: that is when the recording begins.
  const said = babble(3, 16_000);
  writeFileSync(file('said.wav'), formatWav(said, 16_000));
  writeFileSync(file('prompt.wav'), formatWav(sine(500, 1, 16_000), 16_000));
  writeFileSync(
    file('terminal.yaml'),
    `terminal: { id: help-07 }
device: { profile: simulated, sound: { driver: file, speaker: ${file('heard.wav')}, microphone: ${file('said.wav')} } }
sip: { listen: { udp: "127.32.0.15:5060" } }
audio: { noise-suppression: off, agc: off, echo: off }
calls:
  room: { cycles: 1, last-resort: { prompt: prompt.wav, for: 5s }, steps: [ { ring: "sip:127.32.0.16", for: 1s } ] }
buttons: { help: { press: { call: room } } }
`,
  );
  const service = new Service({
    config: await loadConfig(file('terminal.yaml')),
    stateDirectory: folder,
    socketPath: file('control.sock'),
    version: '0',
    logger: silentLogger,
    onChange: () => {},
  });
  t.after(async () => {
    await service.stop();
    remove();
  });
  await service.start();
  await service.command({ verb: 'press', button: 'help' }, 'socket');
  const events = () => readEvents(join(folder, 'journal'));
  const failed = await until('the end of the call', 20_000, () =>
    events().find((event) => event.type === 'call' && event.state === 'failed'),
  );
  assert.match(failed.type === 'call' ? failed.reason! : '', /; a message of 5 s was left$/);
  const kept = events().find((event) => event.type === 'recording' && event.state === 'ended');
  assert.ok(kept?.type === 'recording' && kept.what === 'message' && kept.durationMs! >= 5000, JSON.stringify(kept));
  await service.stop();

  const recorded = readWav(kept.file);
  assert.ok(
    judge(recorded, readWav(file('said.wav'))).match > 0.9,
    JSON.stringify(judge(recorded, readWav(file('said.wav')))),
  );
  // The prompt and the tone were heard, and are not what is kept.
  const heard = readWav(file('heard.wav'));
  const loudest = (hz: number): number =>
    Math.max(
      ...Array.from({ length: Math.floor(heard.samples.length / 800) - 2 }, (_, i) =>
        toneDbfs(cut(heard, 50 * i, 50 * i + 100), hz),
      ),
    );
  assert.ok(loudest(500) > -25 && loudest(1400) > -25, `${loudest(500)} ${loudest(1400)}`);
  assert.ok(levelDbfs(cut(recorded, 3500, 4800)) < -50);
});
