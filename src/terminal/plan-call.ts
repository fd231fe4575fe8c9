/**
 * One call of our own, from the press to its end: the phones of a step ring in parallel, who fails is dropped, a step in
 * which all have failed is left at once, a person proves to be one by a digit, the losers are cancelled.
 *
 * An answered phone stays mute until it is the one that talks: of several only one is heard, and a voicemail hears nothing.
 */
import { Timers } from '../base/index.ts';
import { Greeting } from './greeting.ts';
import { LastResort } from './last-resort.ts';
import { type Leg, Legs } from './legs.ts';
import { PlanCursor } from './plan.ts';
import { Session } from './session.ts';
import { LEFT_MS, Transfers } from './transfer.ts';
import type { CallEvent, CallPlan, CallStatus, EndCause, Interrupted, TerminalAction, TransferInput } from './types.ts';

/** A talk that the network took away is begun anew so often: somebody still stands there. */
const REDIALS_MAX = 3;

type Alarm = 'word' | 'step' | 'cycle' | 'warning' | 'limit' | 'left' | `confirm:${string}` | `announce:${string}`;

/** Who has been on hold for so long and presses is not to wait any longer. */
export const LEFT_ON_HOLD_MS = 20_000;
/** Who picks up a phone needs a moment to hold it to his ear, and may want to hear it again. */
const ANNOUNCE_AFTER_MS = 500;
const ANNOUNCE_EVERY_MS = 8_000;

export class PlanCall extends Session {
  readonly id: string;
  readonly kind = 'call';
  readonly direction = 'outgoing';
  override readonly own = true;
  readonly priority: number;
  readonly interrupted: Interrupted;
  readonly #plan: CallPlan;
  readonly #name: string | undefined;
  #cursor: PlanCursor;
  readonly #timers = new Timers<Alarm>();
  readonly #transfers = new Transfers();
  readonly #legs: Legs;
  #redials = 0;
  #talk: { leg: string; listened: boolean } | undefined;
  over = false;
  #hasSpeaker = false;
  /** Who took the loudspeaker from it. */
  #heldBy: string | undefined;
  readonly #greeting: Greeting;
  /** Since when the other side of the talk has had us on hold. */
  #waitingSince: number | undefined;
  readonly #lastResort: LastResort;

  constructor(id: string, plan: CallPlan, name: string | undefined, now: number) {
    super(now);
    this.id = id;
    this.priority = plan.priority;
    this.interrupted = plan.interrupted;
    this.#plan = plan;
    this.#name = name;
    this.#legs = new Legs(id);
    this.#greeting = new Greeting(plan.prompt);
    this.#lastResort = new LastResort(id, plan.lastResort);
    this.#cursor = new PlanCursor(plan, now);
  }

  /** Also when it began while somebody higher had it. */
  get interruptedBefore(): boolean {
    return this.#heldBy !== undefined;
  }

  override get deadline(): number | undefined {
    return this.#timers.next;
  }

  /** Nobody, while we were left with somebody who only rings. */
  override get talking(): string | undefined {
    return this.#hasSpeaker && !this.#timers.has('left') ? this.#talk?.leg : undefined;
  }

  override get hears(): boolean {
    return this.#lastResort.underWay || this.#legs.heard;
  }

  get state(): CallStatus['state'] {
    if (this.#talk !== undefined) return this.#hasSpeaker ? 'connected' : 'held';
    return this.#legs.all.some(([, leg]) => leg.state !== 'calling') ? 'ringing' : 'calling';
  }

  get peer(): string {
    return (
      this.#legs.get(this.#talk?.leg)?.uri ?? [...new Set(this.#plan.steps.flatMap((step) => step.ring))].join(', ')
    );
  }

  start(now: number): TerminalAction[] {
    return this.#ringNext(now);
  }

  take(_now: number): TerminalAction[] {
    const resumed = this.#heldBy !== undefined;
    this.#hasSpeaker = true;
    this.#heldBy = undefined;
    if (this.#talk === undefined) return [...this.#greeting.play(), ...this.#hear()];
    return [...(resumed ? [this.tell('resumed')] : []), ...this.#sound()];
  }

  hold(reason: string): TerminalAction[] {
    this.#hasSpeaker = false;
    this.#heldBy = reason;
    const actions = [...this.#greeting.end(), ...this.#lastResort.stop(), ...this.#hear()];
    if (this.#talk === undefined) return actions;
    actions.push({ type: 'hold', call: this.#talk.leg, held: true }, this.tell('held', { reason }));
    return actions;
  }

  /** Rings all the same, without a sound here; what it is told is in the event of the press. */
  wait(reason: string): TerminalAction[] {
    this.#heldBy ??= reason;
    return [];
  }

  override timeout(now: number): TerminalAction[] {
    return this.#timers.run(now, (alarm) => this.#rang(alarm, now));
  }

  #rang(alarm: Alarm, now: number): TerminalAction[] {
    switch (alarm) {
      case 'step':
        return this.#stepOver(now);
      case 'word':
        return [...this.#lastResort.stop(), ...this.wordLeft(undefined, 'nobody says what became of it', now)];
      case 'cycle':
        return this.#ringNext(now);
      case 'warning':
        return this.#hasSpeaker ? [{ type: 'tone', tone: 'warning', on: true }] : [];
      case 'limit':
        return this.end('limit', `longer than ${this.#plan.limitMs / 1000} s`, now);
      case 'left':
        return this.#leftAlone(now);
      default: {
        const [what, leg] = alarm.split(':') as ['confirm' | 'announce', string];
        return what === 'confirm' ? this.#unconfirmed(leg, now) : this.#announce(leg, now);
      }
    }
  }

  end(cause: EndCause, reason: string, now: number): TerminalAction[] {
    if (this.over) return [];
    const actions = this.#legs.names.map((call): TerminalAction => ({ type: 'hangup', call, cause }));
    const onPurpose = cause === 'hangup' || cause === 'stopping' || this.#talk !== undefined;
    return [...actions, ...this.#finish(onPurpose ? 'ended' : 'failed', cause, reason, now)];
  }

  override owns(call: string): boolean {
    return this.#legs.get(call) !== undefined;
  }

  override ringing(call: string): TerminalAction[] {
    const leg = this.#legs.get(call);
    if (leg?.state !== 'calling') return [];
    leg.state = 'ringing';
    return [this.#legEvent('ringing', leg)];
  }

  /** An announcement, or the ringback of a far country: heard here as long as it plays, without our microphone. */
  override early(call: string, on: boolean): TerminalAction[] {
    const leg = this.#legs.get(call);
    if (leg === undefined || leg.state === 'answered') return [];
    leg.early = on;
    return [...(on ? [this.#legEvent('early', leg)] : []), ...this.#hear()];
  }

  /** Nothing while somebody else has the loudspeaker. */
  #hear(): TerminalAction[] {
    return this.#legs.hear(!this.#hasSpeaker || this.#talk !== undefined, this.#talk?.leg);
  }

  override redirected(call: string, by: string, to: string): TerminalAction[] {
    const leg = this.#legs.get(call);
    return leg === undefined ? [] : [this.#legEvent('redirected', leg, { reason: `${by} sends the call on to ${to}` })];
  }

  override answered(call: string, now: number, conference = false): TerminalAction[] {
    const leg = this.#legs.get(call);
    if (leg === undefined || leg.state === 'answered') return [];
    leg.state = 'answered';
    leg.early = false;
    if (conference) leg.conference = true;
    const answered = this.#legEvent('answered', leg);
    const { confirm } = this.#plan;
    if (confirm === undefined) return [answered, ...this.#connect(call, leg, now)];
    this.#timers.set(`confirm:${call}`, now + confirm.withinMs);
    if (confirm.prompt !== undefined) this.#timers.set(`announce:${call}`, now + ANNOUNCE_AFTER_MS);
    return [answered, ...this.#hear()];
  }

  /** Whom we called may pass us on; so may somebody else who takes the call for him. */
  override transfer(input: TransferInput, now: number): TerminalAction[] {
    const leg = this.#legs.get(input.call);
    if (leg === undefined) return [];
    if (input.type === 'left' && this.#talk !== undefined) this.#timers.set('left', now + LEFT_MS);
    if (input.type === 'transferred') {
      this.#timers.clear('left');
      this.#waitingSince = undefined;
    }
    return this.#transfers.take(input, {
      peer: leg.uri,
      fixed: this.#talk === undefined ? 'nobody talks yet' : undefined,
      moveTo: (peer, conference) => {
        leg.uri = peer;
        leg.conference = conference;
      },
      end: (reason) => this.end('hangup', reason, now),
      tell: (state, more) => this.#legEvent(state, leg, more),
    });
  }

  override waiting(on: boolean, now: number): TerminalAction[] {
    if (this.#talk === undefined || on === (this.#waitingSince !== undefined)) return [];
    this.#waitingSince = on ? now : undefined;
    return [this.tell(on ? 'held' : 'resumed', { reason: 'by the other side' })];
  }

  /** Whom the other side has left on hold gets somebody else; a moment of it is no more than a question to a colleague. */
  override pressed(now: number): TerminalAction[] | undefined {
    const waitedMs = now - (this.#waitingSince ?? now);
    if (this.#talk === undefined || waitedMs < LEFT_ON_HOLD_MS) return undefined;
    const reason = `pressed after ${Math.round(waitedMs / 1000)} s on hold`;
    return [{ type: 'hangup', call: this.#talk.leg, cause: 'hangup' }, ...this.#redial(reason, now)];
  }

  override digit(call: string, digit: string, now: number): TerminalAction[] {
    const leg = this.#legs.get(call);
    if (leg?.state !== 'answered') return [];
    if (this.#talk === undefined) return digit === this.#plan.confirm?.digit ? this.#connect(call, leg, now) : [];
    if (digit !== this.#plan.prolong) return [];
    this.#limit(now);
    return [this.tell('prolonged', { reason: `by digit ${digit}, for another ${this.#plan.limitMs / 1000} s` })];
  }

  override ended(
    call: string,
    cause: EndCause,
    by: 'us' | 'peer' | 'network',
    reason: string,
    now: number,
  ): TerminalAction[] {
    const leg = this.#legs.get(call);
    if (leg === undefined) return [];
    if (this.#talk !== undefined) {
      if (by === 'network' && this.#name !== undefined && this.#redials < REDIALS_MAX) return this.#redial(reason, now);
      this.farewell = cause === 'hangup' ? ['busy'] : ['error'];
      return this.#finish('ended', cause, `by ${by}: ${reason}`, now);
    }
    return [...this.#drop(call, leg, cause, reason), ...this.#ringNextIfAlone(now)];
  }

  protected override get marks(): { plan?: string } {
    return this.#name === undefined ? {} : { plan: this.#name };
  }

  override status(now: number): CallStatus {
    const status = super.status(now);
    return this.#legs.get(this.#talk?.leg)?.conference ? { ...status, conference: true } : status;
  }

  /** Passed on to somebody who does not answer: whom the plan names may. */
  #leftAlone(now: number): TerminalAction[] {
    const reason = `passed on to somebody who did not answer within ${LEFT_MS / 1000} s`;
    if (this.#talk === undefined || this.#name === undefined || this.#redials >= REDIALS_MAX)
      return this.end('no-answer', reason, now);
    return [{ type: 'hangup', call: this.#talk.leg, cause: 'no-answer' }, ...this.#redial(reason, now)];
  }

  /** The plan from its beginning: who was talked to may be the one who is gone. */
  #redial(reason: string, now: number): TerminalAction[] {
    const lost = this.tell('lost', { reason: `${reason}: calling again`, durationMs: this.lasted(now) });
    this.#redials++;
    this.#talk = undefined;
    this.#waitingSince = undefined;
    this.since = now;
    this.#legs.clear();
    this.#timers.clearAll();
    this.#cursor = new PlanCursor(this.#plan, now);
    return [lost, ...this.#ringNext(now)];
  }

  #ringNext(now: number): TerminalAction[] {
    const actions: TerminalAction[] = [];
    while (this.#legs.size === 0) {
      const next = this.#cursor.next(now);
      if (next === undefined) return [...actions, ...this.#exhausted(now)];
      if ('waitUntilMs' in next) {
        this.#timers.set('cycle', next.waitUntilMs);
        return actions;
      }
      for (const uri of next.step.ring) {
        const [call, leg] = this.#legs.ring(uri, next);
        actions.push({ type: 'dial', call, uri }, this.#legEvent('calling', leg));
      }
      this.#timers.set('step', now + next.step.forMs);
    }
    return actions;
  }

  #ringNextIfAlone(now: number): TerminalAction[] {
    if (this.#legs.size > 0) return [];
    this.#timers.clear('step');
    return this.#ringNext(now);
  }

  /** Who only rings has had his time; who has answered still has until his digit is due. */
  #stepOver(now: number): TerminalAction[] {
    const silent = this.#legs.all.filter(([, leg]) => leg.state !== 'answered');
    const dropped = silent.flatMap(([call, leg]) => {
      const reason = `not answered within ${leg.rung.step.forMs / 1000} s`;
      return this.#hangUp(call, leg, 'no-answer', reason);
    });
    return [...dropped, ...this.#ringNextIfAlone(now)];
  }

  #announce(call: string, now: number): TerminalAction[] {
    const prompt = this.#plan.confirm?.prompt;
    if (prompt === undefined) return [];
    this.#timers.set(`announce:${call}`, now + ANNOUNCE_EVERY_MS);
    return [{ type: 'announce', call, prompt }];
  }

  #unconfirmed(call: string, now: number): TerminalAction[] {
    const leg = this.#legs.get(call);
    const { confirm } = this.#plan;
    if (leg === undefined || confirm === undefined) return [];
    const reason = `answered, but not confirmed by digit ${confirm.digit} within ${confirm.withinMs / 1000} s`;
    return [...this.#hangUp(call, leg, 'no-answer', reason), ...this.#ringNextIfAlone(now)];
  }

  #connect(call: string, leg: Leg, now: number): TerminalAction[] {
    this.#talk = { leg: call, listened: false };
    const losers = this.#legs.all.filter(([other]) => other !== call);
    const actions = losers.flatMap(([other, loser]) => this.#hangUp(other, loser, 'cancelled', `${leg.uri} was first`));
    this.#timers.clearAll();
    this.since = now;
    this.#limit(now);
    actions.push(...this.#hear(), ...this.#greeting.end(), this.#legEvent('connected', leg));
    if (this.#hasSpeaker) actions.push(...this.#sound());
    else if (this.#heldBy !== undefined) actions.push(this.tell('held', { reason: this.#heldBy }));
    return actions;
  }

  #sound(): TerminalAction[] {
    if (this.#talk === undefined) return [];
    const { leg: call, listened } = this.#talk;
    this.#talk.listened = true;
    if (listened) return [{ type: 'hold', call, held: false }];
    const record: TerminalAction[] = this.#plan.record ? [{ type: 'record', call }] : [];
    return [{ type: 'listen', call, microphone: true }, ...record];
  }

  #limit(now: number): void {
    const { limitMs, warningMs } = this.#plan;
    this.#timers.set('limit', now + limitMs);
    if (warningMs > 0 && warningMs < limitMs) this.#timers.set('warning', now + limitMs - warningMs);
  }

  #hangUp(call: string, leg: Leg, cause: EndCause, reason: string): TerminalAction[] {
    return [{ type: 'hangup', call, cause }, ...this.#drop(call, leg, cause, reason)];
  }

  #drop(call: string, leg: Leg, cause: EndCause, reason: string): TerminalAction[] {
    this.#legs.drop(call, leg, cause);
    this.#timers.clear(`confirm:${call}`, `announce:${call}`);
    return [this.#legEvent('unreached', leg, { cause, reason }), ...this.#hear()];
  }

  /** Nobody was reached, and everybody hears so: the person by a tone, the rest by the event. */
  #exhausted(now: number): TerminalAction[] {
    const { cause, reason, allBusy } = this.#legs.outcome;
    this.farewell = allBusy ? ['busy', 'error'] : ['error'];
    const leaveWord = this.#hasSpeaker ? this.#lastResort.begin(cause, reason) : undefined;
    if (leaveWord === undefined) return this.#finish('failed', cause, reason, now);
    this.#timers.clearAll();
    this.#timers.set('word', now + this.#lastResort.limitMs);
    return [...this.#greeting.end(), this.tell('message', { cause, reason }), leaveWord];
  }

  override wordLeft(recordedMs: number | undefined, why: string | undefined, now: number): TerminalAction[] {
    const end = this.over ? undefined : this.#lastResort.left(recordedMs, why);
    if (end === undefined) return [];
    if (recordedMs !== undefined) this.farewell = ['chime'];
    return this.#finish('failed', end.cause, end.reason, now);
  }

  #finish(state: 'ended' | 'failed', cause: EndCause, reason: string, now: number): TerminalAction[] {
    if (state === 'failed' && this.farewell.length === 0) this.farewell = ['error'];
    const talked = this.#talk !== undefined && { durationMs: this.lasted(now) };
    const event = this.tell(state, { cause, reason, ...talked });
    const word = this.#lastResort.stop();
    this.over = true;
    this.#legs.clear();
    this.#timers.clearAll();
    return [...this.#greeting.end(), ...word, event];
  }

  #legEvent(state: CallEvent['state'], leg: Leg, more: Partial<CallEvent> = {}): TerminalAction {
    const { uri: peer, conference, rung } = leg;
    return this.tell(state, {
      ...(conference && { conference }),
      peer,
      step: rung.stepNumber,
      cycle: rung.cycle,
      ...more,
    });
  }
}
