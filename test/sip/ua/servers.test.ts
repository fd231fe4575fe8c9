/** Several servers of one account: which one has our registration, who comes back, who has forgotten us. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipRequest } from '../../../src/sip/message/index.ts';
import type { AccountConfig } from '../../../src/sip/ua/index.ts';
import { ACCOUNT, answer, CONFIG, hopTo, offer, Peer } from './peer.ts';

const [A, B] = ['127.66.0.10', '127.66.0.11'];

/** Registrars in virtual time, each with its own bindings; what came to them, as `1.2 s REGISTER 10`. */
class World {
  readonly peer: Peer;
  readonly dead = new Set<string>();
  readonly bound = new Map<string, string>();
  /** The status of a REGISTER with Contact, 200 unless said. */
  readonly refuses = new Map<string, number>();
  /** Whether bindings are told to who asks, and to who registers. */
  tells: { asked: boolean; registered: boolean } = { asked: true, registered: true };
  /** Seconds granted. */
  expires = 300;
  seen: { at: number; what: string }[] = [];

  constructor(account: Partial<AccountConfig> = {}) {
    const servers = [`sip:${A}`, `sip:${B}`];
    this.peer = new Peer({ ...CONFIG, accounts: [{ ...ACCOUNT, servers, ...account }] });
    this.peer.do(this.peer.ua.start(0));
  }

  run(ms: number): this {
    const { peer } = this;
    for (const until = peer.now + ms; peer.now < until; peer.pass(100)) this.#serve();
    this.#serve();
    return this;
  }

  #serve(): void {
    while (this.peer.sent.length > 0) {
      const { message, hop } = this.peer.sent.shift()!;
      const { host } = hop.remote;
      if (message.kind !== 'request' || message.method === 'ACK' || this.dead.has(host)) continue;
      const short = host.slice(-2);
      const status = message.method === 'REGISTER' ? this.#register(message, host) : 200;
      if (message.method !== 'OPTIONS') this.seen.push({ at: this.peer.now, what: `${nameOf(message)} ${short}` });
      const bound = this.bound.get(host);
      const told = message.has('Contact') ? this.tells.registered : this.tells.asked;
      const list =
        bound !== undefined && told
          ? `${bound};expires=${this.expires}`
          : '<sip:other@127.66.0.99>;expires=9, <sip:x@y>';
      const headers: [string, string][] =
        message.method === 'REGISTER' && status === 200
          ? [
              ['Contact', list],
              ['Expires', String(this.expires)],
            ]
          : [];
      this.peer.reply(message, status, { from: hop, headers, body: message.method === 'INVITE' ? answer : undefined });
    }
  }

  #register(request: SipRequest, host: string): number {
    const contact = request.header('Contact');
    if (contact === undefined) return 200;
    const status = this.refuses.get(host) ?? 200;
    if (status === 200 && request.header('Expires') === '0') this.bound.delete(host);
    else if (status === 200) this.bound.set(host, contact);
    return status;
  }

  /** What came since the last time. */
  get lines(): string[] {
    return this.seen.splice(0).map(({ what }) => what);
  }

  get hosts(): string[] {
    return [...this.bound.keys()].sort();
  }

  get reason(): string {
    return this.peer.reasons.at(-1) ?? '';
  }
}

const nameOf = (request: SipRequest): string => {
  if (request.method !== 'REGISTER') return request.method;
  if (!request.has('Contact')) return 'ask';
  return request.header('Expires') === '0' ? 'leave' : 'register';
};

/** At the second server, for the first one is dead. */
function away(): World {
  const world = new World();
  world.dead.add(A);
  world.run(5_000);
  assert.deepEqual(world.hosts, [B]);
  return world;
}

test('the preferred server is dead at the start: the second one, within 5 s', () => {
  const world = away();
  assert.deepEqual(world.peer.events, ['pbx registering', 'pbx registered 200']);
  assert.equal(world.reason, '200 OK at 127.66.0.11:5060 (UDP)');
});

test('the preferred server comes back: registered there within 6 s, and the other binding is taken away', () => {
  const world = away().run(60_000);
  world.dead.clear();
  world.seen = [];
  const back = world.peer.now;
  world.run(10_000);
  assert.ok(world.seen[0].at - back <= 6_000, String(world.seen[0].at - back));
  assert.deepEqual(world.lines, ['register 10', 'leave 11', 'register 10']);
  assert.deepEqual(world.hosts, [A]);
  assert.equal(world.reason, '200 OK at 127.66.0.10:5060 (UDP)');
  assert.equal(
    world.run(300_000).lines.some((line) => line.endsWith('11')),
    false,
  );
});

test('while somebody talks it waits', () => {
  const world = away();
  world.peer.do(world.peer.ua.invite({ session: 's', target: `sip:100@${A}`, body: () => offer }, world.peer.now));
  world.dead.clear();
  world.run(30_000);
  assert.deepEqual(world.hosts, [B]);
  world.peer.do(world.peer.ua.end('s', world.peer.now));
  assert.deepEqual(world.run(6_000).hosts, [A]);
});

test('a preferred server that answers, but refuses us: the registration stays, and it is asked again after a minute', () => {
  const world = away();
  world.dead.clear();
  world.refuses.set(A, 403);
  world.peer.events = [];
  world.seen = [];
  world.run(130_000);
  const tries = world.seen.filter(({ what }) => what === 'register 10').map(({ at }) => at);
  assert.equal(tries.length, 3);
  assert.ok(tries[1] - tries[0] >= 60_000 && tries[1] - tries[0] < 66_000);
  assert.deepEqual(world.peer.events, []);
  assert.deepEqual(world.hosts, [B]);
});

test('a preferred server that refuses us from the start: the other one takes us', () => {
  const world = new World();
  world.refuses.set(A, 403);
  assert.deepEqual(world.run(1_000).hosts, [B]);
});

test('the server in use dies: the other one, and back when it answers; no word is sent to the dead one', () => {
  const world = new World().run(6_000);
  assert.deepEqual(world.hosts, [A]);
  world.dead.add(A);
  world.run(16_000);
  assert.deepEqual(world.hosts, [A, B]);
  world.bound.delete(A);
  world.dead.clear();
  assert.deepEqual(world.run(6_000).hosts, [A]);
});

// ---------------------------------------------------------------- register: all

test('all: registered at each, and the account is registered as long as one lives', () => {
  const world = new World({ register: 'all' }).run(6_000);
  assert.deepEqual(world.hosts, [A, B]);
  assert.deepEqual(new Set(world.peer.events), new Set(['pbx registering', 'pbx registered 200']));
  world.dead.add(A);
  world.peer.events = [];
  world.run(15_000);
  assert.deepEqual(world.peer.events, ['pbx registered 200']);
  assert.equal(world.reason, '200 OK at 127.66.0.11:5060 (UDP); the server does not answer any more');
  world.dead.add(B);
  world.run(15_000);
  assert.equal(world.peer.events.at(-1), 'pbx failed');
});

test('all: a call goes by the first that lives, and comes by any', () => {
  const world = new World({ register: 'all' }).run(6_000);
  const { peer } = world;
  peer.do(peer.ua.invite({ session: 's', target: `sip:100@${A}`, body: () => offer }, peer.now));
  assert.equal(peer.sent.at(-1)?.hop.remote.host, A);
  world.dead.add(A);
  world.run(15_000);
  peer.do(peer.ua.invite({ session: 't', target: `sip:100@${A}`, body: () => offer }, peer.now));
  assert.equal(peer.sent.at(-1)?.hop.remote.host, B);
  peer.ask('INVITE', { body: offer, hop: hopTo(B) });
  const { event } = peer.sessions.at(-1)!;
  assert.equal(event.type === 'incoming' && event.account, 'pbx');
});

test('all: the stop takes every binding away', () => {
  const world = new World({ register: 'all' }).run(1_000);
  world.peer.do(world.peer.ua.stop(world.peer.now));
  assert.deepEqual(world.run(500).hosts, []);
  assert.equal(world.peer.ua.idle, true);
});

// ---------------------------------------------------------------- a registrar that forgets

const alone = { servers: [`sip:${A}`] };

test('a server that restarts between two probes has forgotten us: it is asked, and knows us again within a minute', () => {
  const world = new World(alone).run(100_000);
  assert.deepEqual(new Set(world.lines), new Set(['register 10', 'ask 10']));
  world.bound.clear();
  world.run(61_000);
  assert.deepEqual(world.hosts, [A]);
});

test('it is asked at most every 40 s', () => {
  const world = new World(alone).run(600_000);
  const asked = world.seen.filter(({ what }) => what === 'ask 10').map(({ at }) => at);
  assert.ok(asked.length >= 8 && asked.length <= 15, String(asked.length));
  for (const [i, at] of asked.slice(1).entries()) assert.ok(at - asked[i] >= 40_000);
});

test('an interval so short that the refresh does the same', () => {
  const world = new World(alone);
  world.expires = 60;
  assert.deepEqual(new Set(world.run(300_000).lines), new Set(['register 10']));
});

test('a registrar that lists no bindings is not asked for them', () => {
  const world = new World(alone);
  world.tells = { asked: false, registered: false };
  assert.deepEqual(new Set(world.run(200_000).lines), new Set(['register 10']));
});

test('one that lists them to who registers alone is believed twice, then asked no more', () => {
  const world = new World(alone);
  world.tells = { asked: false, registered: true };
  world.run(205_000);
  assert.deepEqual(world.lines, ['register 10', 'ask 10', 'register 10', 'ask 10']);
});

// ---------------------------------------------------------------- names

test('a name server that is silent: a server with an address is tried at once all the same', () => {
  const mute = new Peer({ ...CONFIG, accounts: [{ ...ACCOUNT, servers: ['sip:pbx.test', `sip:${B}`] }] });
  mute.mute.add('pbx.test');
  mute.do(mute.ua.start(0)).pass(1_500);
  assert.deepEqual(
    mute.sent.map(({ hop }) => hop.remote.host),
    [B],
  );
});

test('a domain whose servers come in another order each time: no server is left for another of the same', () => {
  const peer = new Peer({ ...CONFIG, accounts: [{ ...ACCOUNT, servers: ['sip:pbx.test'] }] });
  let turn = 0;
  peer.several.set('pbx.test', () => (turn++ % 2 === 0 ? [A, B] : [B, A]));
  peer.do(peer.ua.start(0));
  const registered = new Set<string>();
  for (const until = 900_000; peer.now < until; peer.pass(500)) {
    for (const { message, hop } of peer.sent.splice(0)) {
      if (message.kind !== 'request') continue;
      if (message.method === 'REGISTER') registered.add(hop.remote.host);
      peer.reply(message, 200, { from: hop });
    }
  }
  assert.deepEqual([...registered], [A]);
});
