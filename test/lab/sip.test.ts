/** Two user agents, a registrar and a bad network: whatever happens by dice, in the end nothing is left. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Body } from '../../src/sip/ua/index.ts';
import { dice, Network, type Weather } from './network.ts';
import { Registrar } from './registrar.ts';
import { SERVER, Terminal } from './terminal.ts';

const body: Body = { contentType: 'application/sdp', bytes: new TextEncoder().encode('v=0') };

function lab(seed: number, weather: Weather) {
  const roll = dice(seed);
  const network = new Network(weather, roll);
  const server = new Registrar(SERVER, network, (user) => `pw${user}`);
  network.join(server);
  const a = new Terminal('10.0.0.2', 'a', network, roll, {}, { sessionExpiresS: 90 });
  const b = new Terminal('10.0.0.3', 'b', network, roll, {}, { sessionExpiresS: 90 });
  return { roll, network, server, a, b };
}

const fair: Weather = { loss: 0, duplication: 0, delayMs: [5, 5] };
const bad: Weather = { loss: 0.2, duplication: 0.1, delayMs: [5, 400] };
const nothing = { sessions: 0, dialogs: 0, machines: 0, transactions: 0 };

test('a call over the proxy: registered, answered, held, hung up', () => {
  const { network, server, a, b } = lab(1, fair);
  a.do(a.ua.start(0));
  b.do(b.ua.start(0));
  network.run(1_000);
  assert.deepEqual(
    [a.registration, b.registration],
    [
      ['registering', 'registered'],
      ['registering', 'registered'],
    ],
  );
  assert.deepEqual([...server.bindings.keys()].sort(), ['a', 'b']);
  let incoming = '';
  b.react = (session, event) => {
    if (event.type === 'incoming') incoming = session;
    if (event.type === 'offered') b.do(b.ua.answerOffer(session, body, network.now));
  };
  a.do(a.ua.invite({ session: 's', target: `sip:b@${SERVER}`, body: () => body }, network.now));
  network.run(1_500);
  b.do(b.ua.ring(incoming, network.now));
  network.run(2_000);
  b.do(b.ua.accept(incoming, body, network.now));
  network.run(2_500);
  a.do(a.ua.reinvite('s', () => body, network.now));
  network.run(3_000);
  b.do(b.ua.end(incoming, network.now));
  network.run(3_500);
  assert.deepEqual(a.log.get('s'), ['progress', 'accepted', 'reaccepted', 'ended']);
  assert.deepEqual(b.log.get(incoming), ['incoming', 'confirmed', 'offered', 'ended']);
  a.do(a.ua.stop(network.now));
  b.do(b.ua.stop(network.now));
  network.run(4_000);
  assert.equal(a.ua.idle && b.ua.idle, true);
  assert.equal(server.bindings.size, 0);
});

test('a registration holds for ten minutes in bad weather', () => {
  const { network, server, a } = lab(2, bad);
  a.do(a.ua.start(0));
  network.run(600_000);
  assert.equal(a.registration.at(-1), 'registered');
  assert.equal(server.bindings.size, 1);
});

const HISTORIES = Number(process.env.HAILPOINT_HISTORIES ?? 200);

test(`${HISTORIES} call histories by dice: each session ends once, nothing is left`, () => {
  const met: Record<string, number> = {};
  for (let seed = 1; seed <= HISTORIES; seed++) history(seed, met);
  // The dice must have thrown what is to be tested.
  for (const type of [
    ...['accepted', 'confirmed', 'progress', 'pracked', 'offered', 'reaccepted', 'ended'],
    ...['redirected', 'referred', 'referring'],
  ]) {
    assert.ok((met[type] ?? 0) > HISTORIES / 10, `${type}: ${met[type]}`);
  }
});

function history(seed: number, met: Record<string, number>): void {
  const { roll, network, a, b } = lab(seed, bad);
  const pick = <T>(options: readonly T[]): T => options[Math.floor(roll() * options.length)];
  for (const terminal of [a, b]) {
    terminal.do(terminal.ua.start(0));
    terminal.react = (session, event) => {
      met[event.type] = (met[event.type] ?? 0) + 1;
      const soon = network.now + roll() * 3_000;
      if (event.type === 'incoming') {
        const early = pick([{}, { status: 183, body }, { body }] as const);
        network.at(soon, () => terminal.do(terminal.ua.ring(session, network.now, early)));
        const verdict = pick(['accept', 'accept', 'accept', 'reject', 'ignore']);
        network.at(soon + roll() * 3_000, () => {
          if (verdict === 'accept') terminal.do(terminal.ua.accept(session, body, network.now));
          if (verdict === 'reject') terminal.do(terminal.ua.reject(session, 486, 'Busy Here', network.now));
        });
      }
      if (event.type === 'offered') {
        const answer = roll() < 0.8 ? body : { status: 488, reason: 'Not Acceptable Here' };
        network.at(soon, () => terminal.do(terminal.ua.answerOffer(session, answer, network.now)));
      }
      if ((event.type === 'progress' || event.type === 'pracked') && roll() < 0.3)
        network.at(soon, () => terminal.do(terminal.ua.reinvite(session, () => body, network.now)));
      if (event.type === 'refresh') terminal.do(terminal.ua.reinvite(session, () => body, network.now));
      // Signs of life are for who knows the session as it is; here another offer is one.
      if (event.type === 'refresh') terminal.do(terminal.ua.reinvite(session, () => body, network.now));
      if (event.type === 'referred') {
        const { referral, target } = event;
        const follow = { session: `f${network.now}`, target, referral, body: () => body };
        network.at(soon, () =>
          terminal.do(
            roll() < 0.7
              ? terminal.ua.invite(follow, network.now)
              : terminal.ua.declineReferral(referral, 603, 'Decline', network.now),
          ),
        );
      }
      if (event.type === 'accepted' || event.type === 'confirmed') {
        const to = pick([`sip:a@${SERVER}`, `sip:b@${SERVER}`, `sip:302a@${SERVER}`]);
        if (roll() < 0.3) network.at(soon, () => terminal.do(terminal.ua.refer(session, to, network.now)));
        if (roll() < 0.6) network.at(soon, () => terminal.do(terminal.ua.reinvite(session, () => body, network.now)));
        if (roll() < 0.3)
          network.at(soon + roll() * 10_000, () => terminal.do(terminal.ua.check(session, network.now)));
        if (roll() < 0.7)
          network.at(soon + roll() * pick([20_000, 140_000]), () => terminal.do(terminal.ua.end(session, network.now)));
      }
    };
  }
  for (let i = 0; i < 4; i++) {
    const [caller, called] = roll() < 0.5 ? [a, b] : [b, a];
    const user = called === a ? 'a' : 'b';
    const known = [`sip:${user}@${SERVER}`, `sip:${user}@${SERVER}`, `sip:${user}@${called.host}`];
    const target = pick([...known, `sip:302${user}@${SERVER}`, `sip:nobody@${SERVER}`]);
    const session = `s${i}`;
    const at = 2_000 + roll() * 30_000;
    network.at(at, () => caller.do(caller.ua.invite({ session, target, body: () => body }, network.now)));
    const impatience = pick([200, 2_000, 6_000, 60_000]) * roll();
    if (roll() < 0.5) network.at(at + impatience, () => caller.do(caller.ua.end(session, network.now)));
  }
  network.run(180_000);
  for (const terminal of [a, b]) {
    for (const session of terminal.log.keys()) terminal.do(terminal.ua.end(session, network.now));
    // Calls that were ended here are ended there; the rest of what is under way has 64*T1 to get done.
  }
  network.run(300_000);
  for (const terminal of [a, b]) {
    assert.equal(terminal.ua.counts.sessions, 0, `seed ${seed}`);
    assert.equal(terminal.ua.counts.dialogs, 0, `seed ${seed}`);
    terminal.do(terminal.ua.stop(network.now));
  }
  network.run(400_000);
  for (const terminal of [a, b]) {
    assert.deepEqual(terminal.ua.counts, nothing, `seed ${seed}`);
    for (const [session, log] of terminal.log) {
      const ends = log.filter((type) => type === 'ended').length;
      assert.equal(ends, 1, `seed ${seed}, ${session}: ${log}`);
      // What becomes of a REFER is told beyond the end of the session it was sent in.
      const last = log.findLast((type) => type !== 'referring');
      assert.equal(last, 'ended', `seed ${seed}, ${session}: ${log}`);
    }
  }
}
