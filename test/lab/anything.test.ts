/**
 * Whatever the other side says, well or ill meant, in whatever order, and whatever its owner wishes meanwhile: a user agent never
 * throws, its alarms make progress, what it sends can be read and holds nothing smuggled in, and in the end nothing is left.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, offer, Peer } from '../sip/ua/peer.ts';
import { configOf, damaged, History, TARGETS } from './history.ts';
import { dice } from './network.ts';

const HISTORIES = Number(process.env.HAILPOINT_HISTORIES ?? 200);
const STEPS = 120;
/** As long as a stop may take. */
const STOP_MS = 3_000;

function wish(history: History): string {
  const { peer } = history;
  const { ua } = peer;
  const some = peer.sessions.slice(-12);
  const about = history.chance(0.5) ? some.at(-1) : history.pick(some);
  const session = about?.session ?? 'none';
  const early = history.pick([{}, { status: 183, body: answer }, { body: offer }] as const);
  const referral = some.findLast(({ event }) => event.type === 'referred')?.event;
  const { type } = about?.event ?? {};
  const apt =
    type === 'incoming'
      ? 'accept'
      : type === 'offered'
        ? 'offer'
        : type === 'referred'
          ? 'follow'
          : type === 'refresh'
            ? 'reinvite'
            : undefined;
  const wish =
    (history.chance(0.6) ? apt : undefined) ??
    history.pick([
      ...([
        'invite',
        'invite',
        'ring',
        'accept',
        'accept',
        'reject',
        'end',
        'reinvite',
        'check',
        'inform',
        'offer',
        'offer',
      ] as const),
      ...(['refer', 'decline', 'follow', 'message'] as const),
    ]);
  switch (wish) {
    case 'invite': {
      const invitation = { session: `o${history.count++}`, target: history.pick(TARGETS), body: () => history.body };
      peer.do(ua.invite(invitation, peer.now));
      break;
    }
    case 'follow':
      if (referral?.type === 'referred')
        peer.do(
          ua.invite(
            { session: `f${history.count++}`, target: referral.target, body: () => offer, referral: referral.referral },
            peer.now,
          ),
        );
      break;
    case 'decline':
      if (referral?.type === 'referred') peer.do(ua.declineReferral(referral.referral, 603, 'Decline', peer.now));
      break;
    case 'ring':
      peer.do(ua.ring(session, peer.now, early));
      break;
    case 'accept':
      peer.do(ua.accept(session, history.body, peer.now));
      break;
    case 'reject':
      peer.do(ua.reject(session, 486, 'Busy Here', peer.now));
      break;
    case 'end':
      peer.do(ua.end(session, peer.now, history.pick([undefined, 'x\r\nX-Smuggled: 1'])));
      break;
    case 'reinvite':
      peer.do(ua.reinvite(session, () => offer, peer.now));
      break;
    case 'check':
      peer.do(ua.check(session, peer.now));
      break;
    case 'inform':
      peer.do(ua.inform(session, [offer, offer], peer.now));
      break;
    case 'offer':
      peer.do(
        ua.answerOffer(session, history.pick([answer, { status: 488, reason: 'Not Acceptable Here' }]), peer.now),
      );
      break;
    case 'refer':
      peer.do(
        ua.refer(session, 'sip:200@127.66.0.10', peer.now, history.pick([undefined, history.pick(some)?.session])),
      );
      break;
    case 'message':
      peer.do(ua.answerMessage(`m${Math.ceil(history.roll() * 20)}`, 200, peer.now));
      break;
  }
  return `owner: ${wish}`;
}

function endAll(history: History): void {
  const { peer } = history;
  const own = Array.from({ length: history.count }, (_, i) => [`o${i}`, `f${i}`]).flat();
  for (const session of [...own, ...peer.sessions.map((one) => one.session)]) peer.do(peer.ua.end(session, peer.now));
}

test(`${HISTORIES} histories of anything at all: no error, no idle alarm, nothing left`, () => {
  const met: Record<string, number> = {};
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const history = new History(dice(seed), new Peer(configOf(seed % 2 === 0)), wish);
    const { peer } = history;
    if (seed % 3 === 0) damaged(peer, dice(~seed));
    let where = `seed ${seed}: start`;
    try {
      history.settle(where);
      for (let i = 0; i < STEPS; i++) {
        where = `seed ${seed}, step ${i}: ${history.step()}`;
        history.settle(where);
      }
    } catch (error) {
      throw new Error(`after ${where}: ${(error as Error).stack}`);
    }
    where = `seed ${seed}: end`;
    endAll(history);
    history.pass(200_000, where);
    assert.equal(peer.ua.counts.sessions, 0, where);
    for (const { event } of peer.sessions) met[event.type] = (met[event.type] ?? 0) + 1;
    where = `seed ${seed}: stop`;
    peer.do(peer.ua.stop(peer.now));
    history.pass(STOP_MS, where);
    assert.equal(peer.ua.idle, true, `${where}: ${JSON.stringify(peer.ua.counts)}`);
    history.ended(where);
    history.pass(200_000, where);
    assert.deepEqual(peer.ua.counts, { sessions: 0, dialogs: 0, machines: 0, transactions: 0 }, where);
  }
  // The dice must have thrown what is to be tested.
  for (const type of ['accepted', 'confirmed', 'progress', 'offered', 'referred', 'redirected', 'stranger', 'ended'])
    assert.ok((met[type] ?? 0) > HISTORIES / 80, `${type}: ${met[type]}`);
});
