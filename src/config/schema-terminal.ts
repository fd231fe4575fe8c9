/** What the box does: call plans, buttons, incoming rules, lamps. Becomes the `TerminalConfig` slice. */
import { join } from 'node:path';
import { z } from 'zod';
import type { CallPlan, IncomingRule, OutputRule } from '../terminal/types.ts';
import {
  about,
  addressRange,
  callerPattern,
  duration,
  identityPattern,
  integer,
  listOf,
  NAME_EXPECTED,
  name,
  oneOf,
  sipUri,
} from './fields.ts';
import { packageFolder } from './package.ts';
import { prompt, type WrittenPart } from './prompt.ts';
import type { Surroundings } from './secrets.ts';

export const priority = integer(1, 10);
export const interrupted = oneOf(['hold', 'duck', 'mix', 'end']);
const interruptedHelp =
  'What a page of higher priority does to this call; duck: it is played lower, mix: both are heard.';

/** Keys of one's own choosing. */
export function named<T extends z.ZodType>(what: string, value: T) {
  return z.record(name.meta({ expected: `the name of ${what}: ${NAME_EXPECTED}` }), value);
}

/** Its prompts in all the languages there are. */
export type WrittenPlan = Omit<CallPlan, 'prompt' | 'confirm' | 'lastResort'> & {
  lastResort?: { prompt?: WrittenPart[]; forMs: number };
  prompt?: WrittenPart[];
  confirm?: Omit<NonNullable<CallPlan['confirm']>, 'prompt'> & { prompt?: WrittenPart[] };
};

const step = z.strictObject({
  ring: about('Whom to ring, all at once.', listOf(sipUri)),
  for: about('How long, before the next step.', duration('500ms', '10m').prefault('20s')),
});

/** As above. */
export type WrittenPress =
  | { call: string }
  | { dial: string }
  | { hangup: true }
  | { page: string; play: WrittenPart[] };

/** Says what this call is, and to press one. */
const confirmPrompt = join(packageFolder, 'device/sounds/confirm.wav');

const confirm = (around: Surroundings) =>
  z.strictObject({
    digit: about(
      'The key by which the answering side proves to be a person.',
      z
        .string()
        .regex(/^[0-9*#A-D]$/)
        .prefault('1'),
    ).meta({
      expected: 'one DTMF key in quotes: 0 to 9, * or #',
    }),
    within: about('How soon; otherwise the next step.', duration('1s', '2m').prefault('20s')),
    prompt: about(
      'What whoever answers hears until then. With the digit 1 there is one that comes along.',
      prompt(around).optional(),
    ),
  });

export function callPlan(around: Surroundings) {
  return z
    .strictObject({
      steps: about(
        'Who is rung, one step after the other.',
        z.array(step).min(1).meta({ expected: 'a list of steps' }),
      ),
      race: about(
        'All steps ring at once, for as long as the longest one; the first to answer (and to confirm) has the call.',
        z.boolean().optional(),
      ).meta({ expected: 'true or false' }),
      cycles: about('How often the steps are gone through.', integer(1, 100).prefault(3)),
      confirm: about('A person answers, not a voicemail.', confirm(around).optional()),
      limit: about('Length of the talk.', duration('2s', '24h').prefault('10m')),
      warning: about('The warning tone sounds this long before the limit.', duration('0s', '5m').prefault('10s')),
      prolong: about(
        'The key that starts the limit anew.',
        z
          .string()
          .regex(/^[0-9*#A-D]$/)
          .prefault('#'),
      ).meta({
        expected: 'one DTMF key in quotes: 0 to 9, * or #',
      }),
      priority: about('1 (lowest) to 10.', priority.prefault(10)),
      prompt: about('Played here while the call is set up.', prompt(around).optional()),
      'last-resort': about(
        'Who reaches nobody may leave word, which is recorded.',
        z
          .strictObject({
            prompt: about('Played before.', prompt(around).optional()),
            for: about('How much is recorded at most; 6 s of silence end it.', duration('5s', '10m').prefault('60s')),
          })
          .optional(),
      ),
      record: about('Records the talk; both sides hear the warning tone first.', z.boolean().prefault(false)).meta({
        expected: 'true or false',
      }),
      interrupted: about(interruptedHelp, interrupted.prefault('hold')),
    })
    .transform(
      (plan): WrittenPlan => ({
        steps: plan.steps.map((one) => ({ ring: one.ring, forMs: one.for })),
        ...(plan.race && { race: true }),
        cycles: plan.cycles,
        priority: plan.priority,
        ...(plan.confirm && { confirm: confirmation(plan.confirm) }),
        limitMs: plan.limit,
        warningMs: Math.min(plan.warning, plan.limit),
        prolong: plan.prolong,
        ...(plan.prompt && { prompt: plan.prompt }),
        ...(plan['last-resort'] && {
          lastResort: { prompt: plan['last-resort'].prompt, forMs: plan['last-resort'].for },
        }),
        ...(plan.record && { record: true }),
        interrupted: plan.interrupted,
      }),
    );
}

function confirmation(given: { digit: string; within: number; prompt?: WrittenPart[] }): WrittenPlan['confirm'] {
  const { digit, within, prompt = digit === '1' ? [{ file: confirmPrompt }] : undefined } = given;
  return { digit, withinMs: within, ...(prompt && { prompt }) };
}

const press = (around: Surroundings) =>
  z
    .strictObject({
      call: about('The call plan to start.', z.string().optional()).meta({ expected: 'the name of a call plan' }),
      dial: about('Whom to dial, without a plan.', sipUri.optional()),
      hangup: about('Ends what is going on.', z.literal(true).optional()).meta({ expected: 'true' }),
      page: about('The zone that is paged.', z.string().optional()).meta({ expected: 'the name of a zone' }),
      play: about('What is said there.', prompt(around).optional()),
    })
    .refine(({ page, play }) => (page === undefined) === (play === undefined), {
      error: 'a page has a zone and a message',
    })
    .refine(
      (given) => Object.entries(given).filter(([key, value]) => key !== 'play' && value !== undefined).length === 1,
      {
        error: 'a press does exactly one thing',
      },
    )
    .meta({ expected: '{ call: PLAN }, { dial: URI }, { hangup: true } or { page: ZONE, play: FILE }' })
    .transform(({ call, dial, page, play }): WrittenPress => {
      if (page !== undefined && play !== undefined) return { page, play };
      if (call !== undefined) return { call };
      return dial !== undefined ? { dial } : { hangup: true as const };
    });

export const button = (around: Surroundings) =>
  z.strictObject({ press: about('What a press does.', press(around).optional()) });

export const incomingRule = z
  .strictObject({
    from: about('Who calls.', callerPattern),
    source: about(
      "Addresses such a request must come from. What an account's own server sent needs no source, identity or user.",
      listOf(addressRange).optional(),
    ),
    identity: about(
      "What the caller's certificate must show (TLS): a host or domain, with * for any run of characters.",
      listOf(identityPattern).optional(),
    ),
    authenticated: about(
      'Users of sip.users; the caller must prove by digest to be one.',
      listOf(name.meta({ expected: 'the name of a user under sip.users' })).optional(),
    ),
    undelayed: about(
      'What Alert-Info info=alert-autoanswer asks for when it names no delay.',
      oneOf(['answer', 'ring']).optional(),
    ),
    answer: about(
      'By itself, when the caller asks for it, by ringing, or not at all.',
      oneOf(['auto', 'when-asked', 'ring', 'reject']),
    ),
    as: about(
      'page: the microphone stays closed; intercom: both ways. A rule that rings is an intercom.',
      oneOf(['page', 'intercom']).optional(),
    ),
    zone: about(
      'A page goes to this zone, and sounds here only if this terminal listens to its group.',
      z.string().optional(),
    ).meta({ expected: 'the name of a zone' }),
    priority: about('1 (lowest) to 10; a page has 5, an intercom 6.', priority.optional()),
    delay: about('Answers no sooner than this.', duration('0s', '60s').prefault('0s')),
    limit: about('Length of the call; a page has 30m, an intercom 10m.', duration('2s', '24h').optional()),
    interrupted: about(interruptedHelp, interrupted.prefault('hold')),
    message: about(
      'A text message of his: an event, spoken too, or refused; default: event, of a rule that rejects: reject.',
      oneOf(['speak', 'event', 'reject']).optional(),
    ),
    record: about('Records it; both sides hear the warning tone first.', z.boolean().prefault(false)).meta({
      expected: 'true or false',
    }),
    chime: about('A chime sounds before the caller is heard.', z.boolean().prefault(false)).meta({
      expected: 'true or false',
    }),
  })
  .transform((rule): IncomingRule => {
    const as = rule.as ?? (rule.answer === 'ring' ? 'intercom' : 'page');
    return {
      from: rule.from,
      ...(rule.source && { source: rule.source }),
      ...(rule.identity && { identity: rule.identity }),
      ...(rule.authenticated && { authenticated: rule.authenticated }),
      ...(rule.undelayed && { undelayed: rule.undelayed }),
      answer: rule.answer,
      as,
      ...(rule.zone !== undefined && as === 'page' && { zone: rule.zone }),
      priority: rule.priority ?? (as === 'page' ? 5 : 6),
      delayMs: rule.delay,
      limitMs: rule.limit ?? (as === 'page' ? 30 : 10) * 60_000,
      interrupted: rule.interrupted,
      ...(rule.message && { message: rule.message }),
      ...(rule.record && { record: true }),
      chime: rule.chime,
    };
  });

const lampState = oneOf(['idle', 'calling', 'ringing', 'connected', 'paging', 'held', 'registered', 'fault']);

export const output = z
  .strictObject({
    on: about('The states in which it is on.', listOf(lampState)),
    blink: about('Half of the period; absent: steady.', duration('50ms', '10s').optional()),
  })
  .transform((rule): OutputRule => ({ on: rule.on, ...(rule.blink !== undefined && { blinkMs: rule.blink }) }));
