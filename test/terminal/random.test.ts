/** Random lives of a terminal, by seed: whatever comes in whatever order, some things never happen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command, EndCause, TerminalAction, TerminalConfig } from '../../src/terminal/index.ts';
import { caller, incoming, plan, rule, Story, words } from './story.ts';

const SEEDS = 600;
const STEPS = 120;
const QUIET_MS = 3_600_000;

/** mulberry32: small, and the same on every machine. */
function dice(seed: number) {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    below: (limit: number) => Math.floor(next() * limit),
    one: <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)],
  };
}

const setUp: Partial<TerminalConfig> = {
  calls: {
    control: plan({
      steps: [
        { ring: ['sip:1@a', 'sip:2@a'], forMs: 20_000 },
        { ring: ['sip:3@a'], forMs: 5000 },
      ],
      cycles: 2,
      prompt: 'here.wav',
      confirm: { digit: '1', withinMs: 20_000 },
      limitMs: 60_000,
    }),
    info: plan({ priority: 4, limitMs: 60_000, interrupted: 'end' }),
    desk: plan({ priority: 6, limitMs: 60_000 }),
  },
  buttons: {
    help: { press: { call: 'control' } },
    info: { press: { call: 'info' } },
    desk: { press: { call: 'desk' } },
    off: { press: { hangup: true } },
    bare: {},
    page: { press: { page: 'all', play: 'fire.wav' } },
  },
  incoming: [
    rule({ from: 'sip:page5@*', limitMs: 90_000 }),
    rule({ from: 'sip:page8@*', priority: 8, interrupted: 'end', limitMs: 90_000 }),
    rule({ from: 'sip:page10@*', priority: 10, delayMs: 2000, chime: true, limitMs: 90_000 }),
    rule({ from: 'sip:talk6@*', priority: 6, as: 'intercom', answer: 'when-asked', limitMs: 90_000 }),
    rule({ from: 'sip:zone6@*', zone: 'all', priority: 6, limitMs: 90_000 }),
    rule({ from: 'sip:ring4@*', priority: 4, as: 'page', answer: 'ring', limitMs: 90_000 }),
  ],
  multicast: [
    { group: 'music1', priority: 1, interrupted: 'duck', chime: false },
    { group: 'page5', priority: 5, interrupted: 'hold', chime: true },
    { group: 'page8', priority: 8, interrupted: 'end', chime: false },
  ],
  zones: { all: { priority: 5 } },
  outputs: {
    called: { on: ['calling', 'connected'] },
    busy: { on: ['paging', 'held', 'ringing'], blinkMs: 500 },
    idle: { on: ['idle'] },
  },
};

/** How often something was seen, over all lives: lives that never get there prove nothing. */
const seen = new Map<string, number>();

interface Up {
  page: boolean;
  listened: boolean;
  held: boolean;
  answered: boolean;
  lowered?: boolean;
  zone?: boolean;
}

/** Watches every action and knows what may not be. */
class Witness {
  readonly up = new Map<string, Up>();
  /** What is said in a zone, of which there is one. */
  readonly said = new Set<string>();
  readonly begun = new Set<string>();
  readonly over = new Set<string>();
  readonly lit = new Map<string, boolean>();
  readonly tones = new Set<string>();
  presses = 0;

  see(action: TerminalAction): void {
    switch (action.type) {
      case 'dial':
        assert.ok(!this.up.has(action.call), 'no leg is dialled twice');
        this.up.set(action.call, { page: false, listened: false, held: false, answered: false });
        return;
      case 'answer':
        assert.equal(action.direction, this.#call(action.call).page ? 'recvonly' : 'sendrecv');
        assert.ok(!this.#call(action.call).answered, 'no call is answered twice');
        this.#call(action.call).answered = true;
        return;
      case 'alert':
        this.#call(action.call);
        return;
      case 'reject':
        assert.ok(!this.#call(action.call).answered, 'no answered call is rejected');
        this.up.delete(action.call);
        return;
      case 'hangup':
        this.up.delete(action.call);
        this.said.delete(action.call);
        return;
      case 'duck':
        assert.notEqual(this.#call(action.call).lowered ?? false, action.ducked, 'down and up alternate');
        this.#call(action.call).lowered = action.ducked;
        return;
      case 'zone':
        this.said.add(action.page);
        return;
      case 'hold':
        assert.notEqual(this.#call(action.call).held, action.held, 'hold and resume alternate');
        this.#call(action.call).held = action.held;
        return;
      case 'listen':
        assert.equal(action.microphone, !this.#call(action.call).page, 'a page never opens the microphone');
        assert.ok(this.#call(action.call).answered, 'only an answered call is heard');
        this.#call(action.call).listened = true;
        this.#call(action.call).zone = action.zone !== undefined;
        return;
      case 'tone':
        if (action.tone !== 'ringback' && action.tone !== 'busy') return;
        assert.notEqual(this.tones.has(action.tone), action.on, `${action.tone} changes`);
        if (action.on) this.tones.add(action.tone);
        else this.tones.delete(action.tone);
        return;
      case 'output':
        this.lit.set(action.output, action.on);
        return;
      case 'event': {
        const { event } = action;
        if (event.type === 'press') this.presses++;
        if (event.type !== 'call' && event.type !== 'page') return;
        assert.ok(!this.over.has(event.call), `${event.call} is over, yet ${event.state}`);
        this.begun.add(event.call);
        const what = `${event.type} ${event.state}${event.state === 'unreached' ? ` ${event.cause}` : ''}`;
        seen.set(what, (seen.get(what) ?? 0) + 1);
        if (['ended', 'failed', 'refused'].includes(event.state)) this.over.add(event.call);
        return;
      }
      default:
        return;
    }
  }

  /** After each input: of several calls only one sounds. */
  check(): void {
    for (const zone of [true, false]) {
      const audible = [...this.up]
        .filter(([, call]) => call.listened && !call.held && !call.lowered && call.zone === zone)
        .map(([call]) => call)
        .concat(zone ? [...this.said] : []);
      assert.ok(audible.length <= 1, `heard at once: ${audible.join(', ')}`);
    }
  }

  #call(call: string) {
    return this.up.get(call) ?? assert.fail(`${call} is not up`);
  }
}

const causes: EndCause[] = [
  'busy',
  'no-answer',
  'declined',
  'unreachable',
  'failed',
  'hangup',
  'media-lost',
  'cancelled',
];
const peers = ['zone6', 'page5', 'page8', 'page10', 'talk6', 'ring4', 'stranger'];

function life(seed: number): void {
  const { below, one } = dice(seed);
  const story = new Story(setUp);
  const witness = new Witness();
  const trail: string[] = [];
  let expected = 0;
  let calls = 0;
  const down = new Set<string>();
  const look = (): void => {
    for (const action of story.take()) {
      trail.push(words(action));
      witness.see(action);
    }
    witness.check();
  };
  const legs = (answered: boolean) =>
    [...witness.up].filter(([, leg]) => leg.answered === answered).map(([call]) => call);

  const over = (page: string): void => {
    witness.up.delete(page);
    story.tell({ type: 'multicast-over', page, reason: 'dice' });
  };
  const moves: (() => void)[] = [
    () => {
      const button = one(Object.keys(setUp.buttons!));
      const active = below(2) === 0;
      if (active && !down.has(button)) expected++;
      if (active) down.add(button);
      else down.delete(button);
      story.tell({ type: 'edge', button, active, source: 'button' });
    },
    () => {
      const call = `in${++calls}`;
      const user = one(peers);
      const asked = below(2) === 0 ? { header: 'Call-Info', afterMs: one([0, 0, 3000]) } : undefined;
      const source = below(5) === 0 ? { account: undefined } : {};
      const from = `sip:${user}@pbx`;
      witness.up.set(call, { page: user !== 'talk6', listened: false, held: false, answered: false });
      story.tell(incoming(call, from, { caller: caller(from, source), ...(asked && { asked }) }));
    },
    () => {
      const dialled = legs(false).filter((call) => call.startsWith('t'));
      if (dialled.length > 0) story.tell({ type: 'ringing', call: one(dialled) });
    },
    () => {
      const dialled = legs(false).filter((call) => call.startsWith('t'));
      const all = [...dialled, ...legs(true)].filter((call) => !call.includes('-'));
      if (all.length === 0) return;
      const call = one(all);
      witness.up.get(call)!.answered = true;
      story.tell({ type: 'answered', call });
      if (below(2) === 0) story.tell({ type: 'digit', call, digit: '1' });
    },
    () => {
      if (witness.up.size === 0) return;
      const call = one([...witness.up.keys()]);
      story.tell({ type: 'digit', call, digit: one(['1', '1', '#', '5']) });
    },
    () => {
      const talks = legs(true).filter((call) => !call.includes('-'));
      if (talks.length > 0) story.tell({ type: 'waiting', call: one(talks), on: below(3) > 0 });
    },
    () => {
      const up = [...witness.up.keys()].filter((call) => !call.includes('-'));
      if (up.length === 0) return;
      const call = one(up);
      witness.up.delete(call);
      story.tell({ type: 'ended', call, cause: one(causes), by: one(['peer', 'network']), reason: 'dice' });
    },
    () => {
      const command = one<Command>([
        { verb: 'press', button: 'help', forMs: one([0, 100, 70_000]) },
        { verb: 'press', button: 'ghost' },
        { verb: 'call', plan: one(['info', 'ghost']) },
        { verb: 'dial', target: 'sip:9@x' },
        { verb: 'hangup' },
        { verb: 'digits', digits: '1' },
        { verb: 'output', output: 'called', on: one([true, false, null]) },
        { verb: 'play', file: 'gong.wav' },
        { verb: 'page', zone: one(['all', 'ghost']), file: 'fire.wav' },
      ]);
      if (command.verb === 'press' && command.button === 'help') expected++;
      story.tell({ type: 'command', command, source: 'mqtt' });
    },
    () => {
      const group = one(['music1', 'page5', 'page8']);
      const page = `${group}-${++calls}`;
      witness.up.set(page, { page: true, listened: false, held: false, answered: true });
      story.tell({ type: 'multicast', page, group, from: '10.0.0.9' });
    },
    () => {
      const pages = [...witness.up.keys()].filter((call) => call.includes('-'));
      if (pages.length > 0) over(one(pages));
    },
    () => {
      if (witness.said.size === 0) return;
      const page = one([...witness.said]);
      witness.said.delete(page);
      story.tell({ type: 'zone-sent', page, ...(below(4) === 0 && { reason: 'no route' }) });
    },
    () => {
      const raised = below(2) === 0;
      story.tell({ type: 'fault', fault: one(['mqtt', 'sound']), raised, reason: one(['a', 'b']) });
    },
    () =>
      void story.tell(
        { type: 'answered', call: 'nobody' },
        { type: 'ended', call: 'nobody', cause: 'busy', by: 'peer', reason: '' },
      ),
  ];

  try {
    story.tell({ type: 'start' });
    look();
    for (let step = 0; step < STEPS; step++) {
      one(moves)();
      look();
      story.wait(one([0, 0, 10, 500, 3000, 15_000, 40_000]));
      look();
    }
    assert.equal(witness.presses, expected, 'every press is told, once');
    const stops = seed % 2 === 0;
    if (stops) story.tell({ type: 'stop' });
    else {
      for (const button of down) story.release(button);
      const pages = () => [...witness.up.keys()].filter((call) => call.includes('-'));
      for (let page = pages().at(0); page !== undefined; page = pages().at(0)) {
        over(page);
        look();
      }
      for (let wait = 0; wait < QUIET_MS / 1000; wait++) {
        for (const page of [...witness.said]) {
          witness.said.delete(page);
          story.tell({ type: 'zone-sent', page });
        }
        story.wait(1000);
        look();
      }
      story.wait(QUIET_MS);
    }
    look();
    assert.equal(story.terminal.deadline, undefined, 'nothing is due any more');
    assert.deepEqual([...witness.up.keys()], [], 'no call is left up');
    assert.deepEqual([...witness.tones], [], 'no tone is left on');
    assert.deepEqual(witness.begun, witness.over, 'every call that began has one end');
    assert.deepEqual(story.terminal.status(story.now).calls, []);
    if (stops)
      assert.ok(
        [...witness.lit.values()].every((on) => !on),
        'all lamps are off',
      );
    else assert.equal(story.terminal.status(story.now).state, 'idle');
  } catch (error) {
    throw new Error(`Seed ${seed}: ${(error as Error).message}\n${trail.slice(-25).join('\n')}`, { cause: error });
  }
}

test(`${SEEDS} random lives: one call heard at a time, no microphone on a page, each press told, everything ends`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) life(seed);
  for (const what of [
    'call connected',
    'call held',
    'call resumed',
    'call prolonged',
    'call failed',
    'call unreached cancelled',
    'call unreached no-answer',
    'page connected',
    'page held',
    'page resumed',
    'page waiting',
    'page ducked',
    'page failed',
    'page refused',
    'call refused',
  ])
    assert.ok((seen.get(what) ?? 0) >= 20, `${what}: seen ${seen.get(what) ?? 0} times`);
});
