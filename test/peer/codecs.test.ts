/**
 * Every codec with a real Asterisk, in the clear and encrypted both ways, and with baresip: one terminal for each codec, all at once.
 * Judged by what the loudspeaker played; digits must cross both ways.
 */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Baresip } from '../kit/baresip.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { heard } from '../kit/heard.ts';
import { type Asterisk, asterisk, leavePeers, mediaFile, stopPeers } from '../kit/peers.ts';
import { account, net, startTerminal, type TerminalProcess } from '../kit/terminal.ts';
import { until } from '../kit/wait.ts';
import { cut, Ear, formatWav, judge, readWav, type Sound, toneDbfs } from '../kit/wav.ts';

interface Station {
  codec: string;
  /** How SDP names it, as Asterisk and baresip answer it. */
  rtpmap: RegExp;
  /** For baresip. */
  name: string;
  terminal: TerminalProcess;
  ear: Ear;
}

const speechMs = 3_500;
const users = { plain: '1001', sdes: '1004', dtls: '1005' };
let pbx: Asterisk;
let speech: Sound;
const stations: Station[] = [];
const undo: (() => Promise<void> | void)[] = [];

const toSamples = ({ samples }: Sound): Int16Array => Int16Array.from(samples, (value) => Math.round(value * 32767));

test.before(async () => {
  pbx = await asterisk();
  const { path, remove } = temporaryDirectory();
  undo.push(remove);
  speech = cut(readWav(await mediaFile('announce.wav')), 0, speechMs);
  const microphone = join(path, 'microphone.wav');
  writeFileSync(microphone, formatWav(toSamples(speech), speech.rateHz));
  const started = [
    ['opus', /opus\/48000\/2/, 'opus/48000/2'],
    ['g722', /G722\/8000/, 'g722'],
    ['pcma', /PCMA\/8000/, 'pcma'],
    ['pcmu', /PCMU\/8000/, 'pcmu'],
  ] as const;
  for (const [index, [codec, rtpmap, name]] of started.entries()) {
    const ear = new Ear(join(path, `${codec}.wav`));
    const terminal = await startTerminal(
      { after: (done) => void undo.unshift(done) },
      {
        address: `${net}.${50 + index}`,
        config: {
          device: { profile: 'simulated', sound: { driver: 'file', speaker: ear.path, microphone } },
          audio: { codecs: [codec], volume: 100 },
          sip: {
            accounts: {
              plain: account(users.plain, { address: `sip:${users.plain}@plain.test` }),
              sdes: account(users.sdes, {
                address: `sip:${users.sdes}@sdes.test`,
                encryption: 'required',
              }),
              tones: account('1002', { address: 'sip:1002@tones.test', dtmf: 'inband' }),
              dtls: account(users.dtls, {
                address: `sip:${users.dtls}@dtls.test`,
                encryption: 'required',
                keys: 'dtls',
              }),
            },
          },
          calls: {
            digits: { steps: [{ ring: ['sip:613@plain.test'] }], prolong: '4' },
            tones: { steps: [{ ring: ['sip:613@tones.test'] }], prolong: '4' },
          },
          buttons: { help: { press: { call: 'digits' } }, side: { press: { call: 'tones' } } },
          incoming: [{ from: 'sip:1002@*', source: [`${net}.30`], answer: 'auto', as: 'intercom' }],
        },
      },
    );
    await until('the loudspeaker', 5_000, () => existsSync(ear.path));
    stations.push({ codec, rtpmap, name, terminal, ear });
  }
});
test.after(async () => {
  for (const act of undo) await act();
  await stopPeers('baresip');
  await leavePeers('asterisk');
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function talk({ terminal }: Station, target: string): Promise<number> {
  const from = terminal.events.items.length;
  await terminal.command('dial', { target });
  await terminal.event({ type: 'call', state: 'connected' }, 8_000, from);
  return from;
}

async function hangup({ terminal }: Station, from: number): Promise<void> {
  await terminal.command('hangup');
  await terminal.event({ type: 'call', state: 'ended' }, 5_000, from);
}

/** The other side's last answer with a body. */
async function answered({ terminal }: Station): Promise<string> {
  const all = await terminal.sip();
  return all.findLast(
    ({ direction, text }) => direction === 'in' && /^SIP\/2\.0 200 /.test(text) && /^m=audio/m.test(text),
  )!.text;
}

for (const [way, protocol] of [
  ['plain', 'RTP/AVP'],
  ['sdes', 'RTP/SAVP'],
  ['dtls', 'UDP/TLS/RTP/SAVP'],
] as const)
  test(`${protocol}: an echo brings back what was said, by each codec`, { timeout: 90_000 }, async (t) => {
    await Promise.all(
      stations.map((station) =>
        heard(t, `${station.codec}, ${protocol}`, async () => {
          station.ear.mark();
          const from = await talk(station, `sip:601@${way}.test`);
          await pause(speechMs + 800);
          await hangup(station, from);
          const answer = await answered(station);
          assert.match(answer, new RegExp(`^m=audio \\d+ ${protocol} `, 'm'));
          assert.match(answer, station.rtpmap);
          return judge(station.ear.heard(), speech);
        }),
      ),
    );
  });

test('digits, by each codec: Asterisk reads ours, and we its', { timeout: 60_000 }, async () => {
  // One after the other: its log tells them apart by the account, and there is one.
  for (const station of stations) {
    const mark = pbx.mark();
    const from = await talk(station, 'sip:611@plain.test');
    await station.terminal.command('digits', { digits: '9*05' });
    await pbx.logged(mark, /PEERS-DTMF 1001 9\*05/, 10_000);
    await hangup(station, from);
  }
  await Promise.all(
    stations.map(async ({ terminal }) => {
      const from = terminal.events.items.length;
      await terminal.press();
      await terminal.event({ type: 'call', state: 'prolonged' }, 8_000, from);
      await terminal.event({ type: 'call', state: 'ended' }, 8_000, from);
    }),
  );
});

test('digits as tones in the sound: Asterisk reads ours, and we its', { timeout: 60_000 }, async () => {
  const station = stations.find(({ codec }) => codec === 'pcmu')!;
  const mark = pbx.mark();
  const from = await talk(station, 'sip:611@tones.test');
  await station.terminal.command('digits', { digits: '9*05' });
  await pbx.logged(mark, /PEERS-DTMF 1002 9\*05/, 10_000);
  await hangup(station, from);
  const before = station.terminal.events.items.length;
  await station.terminal.press('side');
  await station.terminal.event({ type: 'call', state: 'prolonged' }, 8_000, before);
  await station.terminal.event({ type: 'call', state: 'ended' }, 8_000, before);
});

test('baresip: both hear the other, by each codec that is not its usual one', { timeout: 120_000 }, async (t) => {
  for (const station of stations.slice(0, 2)) {
    await stopPeers('baresip');
    const phone = await Baresip.open('baresip', {
      PEERS_TERM_ACCOUNT: `<sip:1002@${net}.30>;regint=0;answermode=auto;audio_codecs=${station.name}`,
    });
    try {
      await heard(t, `${station.codec} at baresip`, async () => {
        station.ear.mark();
        const closed = phone.events.items.length;
        const from = await talk(station, `sip:1002@${phone.address}`);
        await pause(speechMs + 800);
        await hangup(station, from);
        await phone.event('CALL_CLOSED', 5_000, closed);
        assert.match(await answered(station), station.rtpmap);
        const level = toneDbfs(cut(station.ear.heard(), 1_500, 3_500), 600);
        assert.ok(level > -30, `${station.codec}: its tone of 600 Hz is heard at ${level} dBFS`);
        return judge(readWav(phone.recording), speech);
      });
    } finally {
      phone.close();
    }
  }
});

test('who cannot speak our codec is told, and tells why', { timeout: 30_000 }, async () => {
  const [opus] = stations;
  await until('Asterisk to be idle', 5_000, async () =>
    /^0 active channels/m.test(await pbx.cli('core show channels count')),
  );
  await stopPeers('baresip');
  const phone = await Baresip.open('baresip', {
    PEERS_TERM_ACCOUNT: `<sip:1002@${net}.30>;regint=0;answermode=auto;audio_codecs=pcmu`,
  });
  try {
    const from = opus.terminal.events.items.length;
    await opus.terminal.command('dial', { target: `sip:1002@${phone.address}` });
    const ended = await opus.terminal.event({ type: 'call', state: 'unreached' }, 8_000, from);
    assert.match(String(ended.reason), /488|codec/);
  } finally {
    phone.close();
  }
});
