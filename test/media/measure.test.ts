/** The chirp of a self-test through a real ALSA card: coupled, not coupled, and cut by something more important. */
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { SoundCards, soundcardsLack } from '../kit/soundcard.ts';
import { until } from '../kit/wait.ts';
import { babble, Terminal } from './pair.ts';

const lack = soundcardsLack();
const skip =
  lack === undefined ? false : `${lack} is missing: apt-get install pulseaudio-utils libasound2-plugins alsa-utils`;
let cards: SoundCards;

before(async () => {
  if (lack !== undefined) return;
  cards = (await SoundCards.start('a', 'b')).enter();
  await cards.couple('a');
});
after(() => cards?.stop());

const alsa = (card: string) =>
  ({ driver: 'alsa', speaker: card, microphone: card, rateHz: 16_000, periodMs: 10 }) as const;

async function measured(terminal: Terminal, levelDbfs = -26) {
  const id = terminal.engine.measure(levelDbfs);
  const event = await terminal.events.take(
    'the measure',
    12_000,
    (item) => item.type === 'measured' && item.measure === id,
  );
  return event.type === 'measured' ? event.measured : assert.fail();
}

test('a microphone that hears the loudspeaker: level, delay, bands', { skip }, async (t) => {
  const terminal = new Terminal(alsa('a'), '127.46.2.1');
  const result = await measured(terminal);
  assert.ok('acoustics' in result, JSON.stringify(result));
  const { clearDb, gainDb, delayMs, bandsDb, distortionPercent } = result.acoustics;
  t.diagnostic(JSON.stringify(result.acoustics));
  assert.ok(clearDb > 20, `${clearDb}`);
  assert.ok(Math.abs(gainDb) < 2, `${gainDb}`);
  assert.ok(delayMs > 20 && delayMs < 300, `${delayMs}`);
  assert.ok(
    bandsDb.every((band) => Math.abs(band) < 4),
    bandsDb.join(),
  );
  assert.ok(distortionPercent < 8, `${distortionPercent}`);
  await terminal.end();
});

test('one that does not', { skip }, async () => {
  const terminal = new Terminal(alsa('b'), '127.46.2.2');
  const result = await measured(terminal);
  assert.ok('acoustics' in result && result.acoustics.clearDb < 10, JSON.stringify(result));
  await terminal.end();
});

test('a page begins: cut at once, and the page is heard', { skip }, async () => {
  const terminal = new Terminal(alsa('b'), '127.46.2.3');
  const caller = new Terminal({ driver: 'none' }, '127.46.2.4');
  const id = terminal.engine.measure(-26);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const begin = performance.now();
  terminal.talk(caller.stream.local, 'recvonly');
  caller.talk(terminal.stream.local, 'sendonly');
  const { measured, measure } = await terminal.event('measured');
  assert.ok(performance.now() - begin < 200);
  assert.deepEqual([measure, measured], [id, { reason: 'something else began', cut: true }]);
  await terminal.event('first-sound');
  await Promise.all([terminal.end(), caller.end()]);
});

test('no card, a reason; asked to stop, it stops', { skip }, async () => {
  const none = new Terminal({ driver: 'none' }, '127.46.2.5');
  assert.deepEqual(await measured(none), { reason: 'there is no sound card', cut: false });
  await none.end();
  const gone = new Terminal(alsa('nowhere'), '127.46.2.6');
  const result = await measured(gone);
  assert.ok('reason' in result && result.reason.includes('Cannot open'), JSON.stringify(result));
  await gone.end();
  const stopped = new Terminal(alsa('b'), '127.46.2.7');
  stopped.engine.measure(-26);
  stopped.engine.stopMeasuring();
  assert.equal('cut' in (await stopped.event('measured')).measured, true);
  await stopped.end();
});

for (const [card, heard] of [
  ['a', true],
  ['b', false],
] as const) {
  test(`a page is ${heard ? '' : 'not '}heard by the microphone of ${card}, and nothing of it is sent`, {
    skip,
  }, async () => {
    const paged = new Terminal(alsa(card), `127.46.2.${heard ? 8 : 9}`, { verifyPages: true });
    const caller = new Terminal({ driver: 'none' }, `127.46.2.${heard ? 10 : 11}`);
    paged.talk(caller.stream.local, 'recvonly');
    caller.talk(paged.stream.local, 'sendonly');
    caller.stream.audible(false, false);
    caller.stream.say(babble(4, 8000), 8000);
    const news = () => paged.events.items.flatMap((event) => (event.type === 'audible' ? [event.audible] : []));
    await until('several looks', 6000, () => news().length >= 6);
    assert.equal(news().at(-1)?.heard, heard, JSON.stringify(news()));
    assert.equal(paged.engine.status().microphoneOpened, 1);
    paged.stream.close();
    await until('the closed microphone', 2000, () => paged.engine.status().microphone === 'closed');
    await Promise.all([paged.engine.stop(), caller.end()]);
    const sent = paged.events.items.flatMap((event) =>
      event.type === 'statistics' ? [event.statistics.packetsSent] : [],
    );
    assert.ok((sent.at(-1) ?? 0) <= 2, `${sent}`);
  });
}

test('a page by multicast is heard, too', { skip }, async () => {
  const group = { host: '239.47.20.9', port: 5004 };
  const paged = new Terminal(alsa('a'), '127.46.2.12', { verifyPages: true });
  const sender = new Terminal({ driver: 'none' }, '127.46.2.13');
  const common = { group, format: 'rtp', interface: 'lo' } as const;
  paged.engine.pages.listen([{ ...common, name: 'g', volume: 100, delayMs: 60, sync: 'arrival', silenceMs: 1000 }]);
  const zone = { ...common, codec: 'g722', hops: 1, chime: false, channel: 1, caller: '', control: group } as const;
  sender.engine.pages.send('p', zone, babble(4, 16_000), 16_000);
  paged.engine.pages.level((await paged.event('page-begun')).page, 'full');
  await paged.event('page-over', 8000);
  const looks = paged.events.items.flatMap((event) => (event.type === 'audible' ? [event.audible] : []));
  assert.ok(looks.length >= 6 && looks.at(-1)?.heard === true, JSON.stringify(looks));
  await until('the closed microphone', 2000, () => paged.engine.status().microphone === 'closed');
  assert.equal(paged.engine.status().microphoneOpened, 1);
  await Promise.all([paged.end(), sender.end()]);
});
