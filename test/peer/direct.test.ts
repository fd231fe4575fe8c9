/** Calls without a PBX: from and to a telephone that is known, and a stranger who is not. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Baresip } from '../kit/baresip.ts';
import { bothHear } from '../kit/heard.ts';
import { leavePeers, mediaFile } from '../kit/peers.ts';
import { offer, request, transact, udpSender } from '../kit/sip.ts';
import { SoundCards } from '../kit/soundcard.ts';
import { startTerminal } from '../kit/terminal.ts';

const address = '127.0.0.50';
const sound = { driver: 'alsa', speaker: 'a', microphone: 'a' };

let cards: SoundCards;
test.before(async () => {
  cards = await SoundCards.start('a');
});
test.after(async () => {
  await cards.stop();
  await leavePeers('baresip');
});

test('a press calls a telephone straight; both hear the other', { timeout: 90_000 }, async (t) => {
  const phone = await Baresip.open('baresip');
  t.after(() => phone.close());
  const terminal = await startTerminal(t, {
    address,
    env: cards.env,
    config: {
      device: { profile: 'simulated', sound },
      calls: { desk: { steps: [{ ring: [`sip:1002@${phone.address}`] }] } },
      buttons: { help: { press: { call: 'desk' } } },
    },
  });
  const speech = await mediaFile('announce.wav');
  await bothHear(t, { cards, terminal, phone, speech }, async () => {
    const rung = phone.events.items.length;
    const from = terminal.events.items.length;
    await terminal.press();
    await phone.event('CALL_INCOMING', 5_000, rung);
    await terminal.event({ type: 'call', state: 'ringing' }, 5_000, from);
    await phone.command('accept');
    await terminal.event({ type: 'call', state: 'connected' }, 5_000, from);
    return async () => {
      await phone.hangup();
      const ended = await terminal.event({ type: 'call', state: 'ended' }, 5_000, from);
      assert.equal(ended.cause, 'hangup');
    };
  });
});

test('a telephone that a rule knows by its address is answered', { timeout: 90_000 }, async (t) => {
  const phone = await Baresip.open('baresip');
  t.after(() => phone.close());
  const terminal = await startTerminal(t, {
    address,
    env: cards.env,
    config: {
      device: { profile: 'simulated', sound },
      incoming: [{ from: 'sip:1002@*', source: [phone.address], answer: 'auto', as: 'intercom' }],
    },
  });
  const speech = await mediaFile('announce.wav');
  await bothHear(t, { cards, terminal, phone, speech }, async () => {
    const from = terminal.events.items.length;
    await phone.command('dial', `sip:help-07@${address}`);
    await terminal.event({ type: 'call', direction: 'incoming', state: 'connected' }, 5_000, from);
    return () => terminal.command('hangup').then(() => undefined);
  });
});

test('a stranger who uses a known name is declined, and an event says why', { timeout: 60_000 }, async (t) => {
  const terminal = await startTerminal(t, {
    address,
    config: { incoming: [{ from: 'sip:1002@*', source: ['127.0.0.30'], answer: 'auto', as: 'intercom' }] },
  });
  const stranger = await udpSender('127.0.0.66', { address, port: 5060 });
  t.after(() => stranger.close());
  const invite = request(stranger, 'INVITE', `sip:help-07@${address}`, {
    from: '"Control Room" <sip:1002@127.0.0.10>',
    headers: ['Call-Info: <sip:127.0.0.66>;answer-after=0', 'Content-Type: application/sdp'],
    body: offer('127.0.0.66', 40_000),
  });
  const { status, text } = await transact(stranger, invite);
  assert.equal(status, 603, text);
  const refused = await terminal.event({ direction: 'incoming', state: 'refused' }, 2_000);
  assert.match(String(refused.peer), /1002/);
  assert.match(String(refused.reason), /127\.0\.0\.66|rule|source|trust/i);
  assert.deepEqual((await terminal.status()).calls, []);
});
