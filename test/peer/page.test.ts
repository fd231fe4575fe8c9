/** Asterisk pages the terminal: the speech is on the loudspeaker, and the microphone is left alone. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { heard } from '../kit/heard.ts';
import { type Asterisk, asterisk, leavePeers, mediaFile } from '../kit/peers.ts';
import { SoundCards } from '../kit/soundcard.ts';
import { account, startTerminal, type TerminalProcess } from '../kit/terminal.ts';
import { judge, readWav } from '../kit/wav.ts';

/** A longer silence inside the speech is a fault. */
const gapLimitMs = 60;

let cards: SoundCards;
test.before(async () => {
  cards = await SoundCards.start('a');
});
test.after(async () => {
  await cards.stop();
  await leavePeers('asterisk');
});

async function pagedTerminal(t: TestContext): Promise<{ pbx: Asterisk; terminal: TerminalProcess }> {
  const pbx = await asterisk();
  await pbx.cli('pjsip set logger on');
  t.after(() => pbx.cli('pjsip set logger off').then(() => undefined));
  const terminal = await startTerminal(t, {
    env: cards.env,
    config: {
      device: { profile: 'simulated', sound: { driver: 'alsa', speaker: 'a', microphone: 'a' } },
      sip: { accounts: { pbx: account('1001') } },
      incoming: [{ from: 'sip:2000@*', answer: 'when-asked', as: 'page', priority: 5 }],
    },
  });
  await terminal.registered();
  return { pbx, terminal };
}

/** One page from Asterisk, recorded at the loudspeaker until the call has ended. */
async function page(
  pbx: Asterisk,
  terminal: TerminalProcess,
  sound: string,
  seconds: number,
  channel = 'Local/71001@intercom',
) {
  const from = terminal.events.items.length;
  const mark = pbx.mark();
  const recording = join(terminal.directory, `${from}.wav`);
  const over = terminal.event({ type: 'page', state: 'ended' }, 28_000, from);
  const recorded = cards.recordUntil(over, 'a', seconds, recording);
  await pbx.originate(channel, sound);
  const answered = await terminal.event({ type: 'page', state: 'connected' }, 8_000, from);
  const [ended] = await Promise.all([over, recorded]);
  const verdict = judge(readWav(recording), readWav(await mediaFile(`${sound}.wav`)));
  return { verdict, answered, ended, answer: answerIn(pbx.sipSince(mark, 'received')) };
}

/** The terminal's 200 to an INVITE, its SDP answer included. */
function answerIn(messages: string[]): string {
  const answer = messages.find((text) => /^SIP\/2\.0 200/.test(text) && /^CSeq: \d+ INVITE/m.test(text));
  assert.ok(answer, 'Asterisk received no 200 to its INVITE');
  return answer;
}

test('a page is heard whole, and only heard', { timeout: 90_000 }, async (t) => {
  const { pbx, terminal } = await pagedTerminal(t);
  const take = async () => {
    const { verdict, ended, answer } = await page(pbx, terminal, 'announce', 12);
    assert.match(answer, /^a=recvonly/m);
    assert.equal(ended.cause, 'hangup');
    assert.equal((await terminal.status()).sound.microphoneOpened, 0);
    return verdict;
  };
  await heard(t, 'page', take, gapLimitMs);
});

test('each way in which Asterisk asks for an automatic answer', { timeout: 240_000 }, async (t) => {
  const { pbx, terminal } = await pagedTerminal(t);
  for (const [way, header] of [
    ['call-info', /Call-Info/],
    ['alert-info', /Alert-Info/],
    ['alert-info2', /Alert-Info/],
    ['ring-answer', /Alert-Info/],
    ['answer-mode', /Answer-Mode/],
    ['priv-answer-mode', /Priv-Answer-Mode/],
    ['after-2', /Call-Info/],
    ['all', /Call-Info|Alert-Info/],
  ] as const) {
    await t.test(way, async () => {
      await pbx.cli(`dialplan set global AA ${way}`);
      await heard(t, way, async () => {
        const { verdict, answered, answer } = await page(pbx, terminal, 'short', way === 'after-2' ? 8 : 6);
        assert.match(answer, /^a=recvonly/m);
        const said = terminal.events.items.filter((event) => event.call === answered.call).map(({ reason }) => reason);
        assert.match(said.join(), header, 'the events name the header that asked');
        return verdict;
      });
    });
  }
  assert.equal((await terminal.status()).sound.microphoneOpened, 0);
});

test('a call that does not ask for it rings, and the loudspeaker stays closed', { timeout: 60_000 }, async (t) => {
  const { pbx, terminal } = await pagedTerminal(t);
  await pbx.cli('dialplan set global AA none');
  const mark = pbx.mark();
  await pbx.originate('Local/71001@intercom', 'short');
  const ringing = await terminal.event({ direction: 'incoming', state: 'ringing' }, 8_000);
  assert.match(String(ringing.reason), /no automatic answer/);
  await pbx.logged(mark, /SIP\/2\.0 180/, 5_000);
  await pbx.hangupAll();
  const ended = await terminal.event({ state: 'ended', call: ringing.call }, 5_000);
  assert.equal(ended.cause, 'cancelled');
  assert.throws(() => answerIn(pbx.sipSince(mark, 'received')), 'it was answered');
});

test('a caller no rule knows is declined', { timeout: 60_000 }, async (t) => {
  const { pbx, terminal } = await pagedTerminal(t);
  await pbx.cli('dialplan set global PAGER 2001');
  const mark = pbx.mark();
  await pbx.originate('Local/71001@intercom', 'short');
  const refused = await terminal.event({ direction: 'incoming', state: 'refused' }, 8_000);
  assert.match(String(refused.peer), /2001/);
  assert.ok(String(refused.reason).length > 0, 'a reason is given');
  await pbx.logged(mark, /SIP\/2\.0 603/, 5_000);
});

test("Asterisk's Page(), which speaks into a conference", { timeout: 90_000 }, async (t) => {
  const { pbx, terminal } = await pagedTerminal(t);
  await heard(t, 'conference', async () => (await page(pbx, terminal, 'announce', 12, 'Local/81001@intercom')).verdict);
  assert.equal((await terminal.status()).sound.microphoneOpened, 0);
});
