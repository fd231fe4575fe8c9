/** One account, two registrars on a bad network: they die and come back, and a call gets through all the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountConfig, Body } from '../../src/sip/ua/index.ts';
import { dice, Network, type Weather } from './network.ts';
import { Registrar } from './registrar.ts';
import { Terminal } from './terminal.ts';

const DOMAIN = 'pbx.lab';
const [FIRST, SECOND] = ['10.0.0.1', '10.0.0.4'];
const body: Body = { contentType: 'application/sdp', bytes: new TextEncoder().encode('v=0') };
const fair: Weather = { loss: 0, duplication: 0, delayMs: [5, 20] };
const bad: Weather = { loss: 0.2, duplication: 0.1, delayMs: [5, 400] };

function lab(seed: number, weather: Weather, register: AccountConfig['register']) {
  const roll = dice(seed);
  const network = new Network(weather, roll);
  const servers = [FIRST, SECOND].map((host) => new Registrar(host, network, (user) => `pw${user}`, DOMAIN));
  for (const server of servers) network.join(server);
  const account = (user: string) => ({ address: `sip:${user}@${DOMAIN}`, servers: [`sip:${FIRST}`, `sip:${SECOND}`] });
  const a = new Terminal('10.0.0.2', 'a', network, roll, { ...account('a'), register });
  const b = new Terminal('10.0.0.3', 'b', network, roll, { ...account('b'), register: 'all' });
  for (const terminal of [a, b]) terminal.do(terminal.ua.start(0));
  return { roll, network, servers, a, b };
}

/** ms from the call to the ringing telephone, the first server dead for up to 20 s; undefined: not within 20 s. */
function reach(seed: number, weather: Weather): number | undefined {
  const { roll, network, servers, a, b } = lab(seed, weather, 'preferred');
  let rangAt: number | undefined;
  b.react = (_session, event) => {
    if (event.type === 'incoming') rangAt ??= network.now;
  };
  network.run(20_000);
  network.leave(servers[0]);
  network.run(20_000 + roll() * 20_000);
  const pressed = network.now;
  // A plan rings a second time when the first attempt ends with nobody reached.
  const again = (): void =>
    a.do(a.ua.invite({ session: `s${tries++}`, target: `sip:b@${DOMAIN}`, body: () => body }, network.now));
  let tries = 0;
  a.react = (_session, event) => {
    if (event.type === 'ended' && tries < 3) network.at(network.now + 1, again);
  };
  again();
  network.run(pressed + 20_000);
  return rangAt === undefined ? undefined : rangAt - pressed;
}

test('the preferred server is dead: a call rings by the other one within 5 s, whenever it is made', (t) => {
  const took = Array.from({ length: 100 }, (_, seed) => reach(seed, fair) ?? Infinity).sort((x, y) => x - y);
  t.diagnostic(`median ${Math.round(took[50])} ms, worst ${Math.round(took[99])} ms`);
  assert.ok(took[99] <= 5_000, String(took[99]));
});

test('also with every fifth datagram lost: in 9 of 10 cases', (t) => {
  const took = Array.from({ length: 100 }, (_, seed) => reach(seed, bad) ?? Infinity).sort((x, y) => x - y);
  t.diagnostic(`median ${Math.round(took[50])} ms, 90 % ${Math.round(took[89])} ms, worst ${Math.round(took[99])} ms`);
  assert.ok(took[89] <= 5_000, String(took[89]));
});

for (const register of ['preferred', 'all'] as const)
  test(`${register}: servers that come and go by dice for 10 minutes; then all is where it belongs, and nothing is left`, () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { roll, network, servers, a, b } = lab(seed, bad, register);
      b.react = (session, event) => {
        if (event.type === 'incoming') b.do(b.ua.accept(session, body, network.now));
      };
      for (let at = 10_000, i = 0; at < 600_000; i++) {
        const server = servers[Math.floor(roll() * 2)];
        network.at(at, () => {
          network.leave(server);
          if (roll() < 0.5) server.bindings.clear();
        });
        const session = `s${i}`;
        network.at(at + roll() * 15_000, () =>
          a.do(a.ua.invite({ session, target: `sip:b@${DOMAIN}`, body: () => body }, network.now)),
        );
        network.at(at + 15_000 + roll() * 10_000, () => a.do(a.ua.end(session, network.now)));
        at += 5_000 + roll() * 25_000;
        network.at(at, () => network.join(server));
        at += 5_000 + roll() * 20_000;
      }
      network.run(750_000);
      assert.equal(servers[0].bindings.has('a'), true, `seed ${seed}`);
      assert.equal(servers[1].bindings.has('b'), true, `seed ${seed}`);
      if (register === 'all') assert.equal(servers[1].bindings.has('a'), true, `seed ${seed}`);
      for (const [session, log] of a.log) assert.equal(log.at(-1), 'ended', `seed ${seed}, ${session}: ${log}`);
      for (const terminal of [a, b]) terminal.do(terminal.ua.stop(network.now));
      network.run(900_000);
      const nothing = { sessions: 0, dialogs: 0, machines: 0, transactions: 0 };
      for (const terminal of [a, b]) assert.deepEqual(terminal.ua.counts, nothing, `seed ${seed}`);
    }
  });
