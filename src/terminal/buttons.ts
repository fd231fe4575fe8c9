/** All buttons: from the edge to what a press does. */
import { earliest, type Random, unreachable } from '../base/index.ts';
import { Button, type ButtonOutput, SOFT_PRESS_MS } from './button.ts';
import type { Floor } from './floor.ts';
import type { Health } from './health.ts';
import { IncomingCall } from './incoming-call.ts';
import type { Pages } from './pages.ts';
import { decidePress, type PressDecision } from './press.ts';
import type { Source, TerminalAction, TerminalConfig, TerminalStatus } from './types.ts';
import { said } from './words.ts';

export class Buttons {
  readonly #config: TerminalConfig;
  readonly #floor: Floor;
  readonly #health: Health;
  readonly #pages: Pages;
  readonly #random: Random;
  readonly #buttons: Map<string, Button>;

  constructor(config: TerminalConfig, floor: Floor, health: Health, pages: Pages, random: Random) {
    this.#pages = pages;
    this.#config = config;
    this.#floor = floor;
    this.#health = health;
    this.#random = random;
    this.#buttons = new Map(Object.keys(config.buttons).map((name) => [name, new Button(config.stuckMs)]));
  }

  get deadline(): number | undefined {
    return earliest([...this.#buttons.values()].map(({ deadline }) => deadline));
  }

  get status(): TerminalStatus['buttons'] {
    return Object.fromEntries(
      [...this.#buttons].map(([button, { pressed, stuck }]) => [button, { pressed, stuck }] as const),
    );
  }

  timeout(now: number): TerminalAction[] {
    return [...this.#buttons].flatMap(([name, button]) => this.#pushed(name, button.timeout(now), now));
  }

  /** One that no rule knows has neither release nor jam, and its press is told. */
  edge(name: string, active: boolean, source: Source, now: number): TerminalAction[] {
    const button = this.#buttons.get(name);
    if (button !== undefined) return this.#pushed(name, button.edge(active, source, now), now);
    return active ? this.#press(name, source, now) : [];
  }

  /** By software. */
  press(name: string, source: Source, forMs: number | undefined, now: number): TerminalAction[] | string {
    const button = this.#buttons.get(name);
    if (button === undefined) return `there is no button ${name}`;
    return this.#pushed(name, button.press(source, forMs ?? SOFT_PRESS_MS, now), now);
  }

  #pushed(name: string, outputs: readonly ButtonOutput[], now: number): TerminalAction[] {
    return outputs.flatMap((output): TerminalAction[] => {
      switch (output.kind) {
        case 'press':
          return this.#press(name, output.source, now);
        case 'release': {
          const { source, heldMs } = output;
          return [said({ type: 'release', button: name, heldMs, source })];
        }
        case 'stuck': {
          const seconds = Math.round(output.heldMs / 1000);
          const reason = output.stuck ? `held down for ${seconds} s` : `let go after ${seconds} s`;
          return this.#health.fault(`button:${name}`, output.stuck, reason);
        }
        default:
          return unreachable(output);
      }
    });
  }

  /** Exactly one event per press, whatever comes of it, and before it. */
  #press(button: string, source: Source, now: number): TerminalAction[] {
    const floor = this.#floor;
    const decision: PressDecision = floor.closed
      ? { result: 'refused', reason: 'the terminal is stopping' }
      : decidePress(this.#config, button, floor.sessions, floor.holder);
    const { result } = decision;
    const reason = decision.reason === undefined ? {} : { reason: decision.reason };
    const press = (call?: string) =>
      said({ type: 'press', button, source, result, ...(call !== undefined && { call }), ...reason });
    switch (decision.result) {
      case 'calling': {
        const id = this.#random.token();
        return [press(id), ...floor.call(id, decision.plan, decision.name, now)];
      }
      case 'paging': {
        const id = this.#random.token();
        const begun = this.#pages.send(decision.zone, decision.prompt, now, id);
        if (typeof begun !== 'string') return [press(id), ...begun];
        return [said({ type: 'press', button, source, result: 'refused', reason: begun })];
      }
      case 'answered': {
        const session = floor.owner(decision.call);
        if (session instanceof IncomingCall) session.pickUp();
        return [press(decision.call)];
      }
      case 'hangup':
        return [press(decision.calls[0]), ...floor.hangUp(decision.calls, `button ${button}`, now)];
      case 'ignored': {
        const wish = this.#config.buttons[button]?.press;
        const again = wish && ('call' in wish || 'dial' in wish) ? floor.holder?.pressed?.(now) : undefined;
        if (again === undefined) return [press()];
        const call = floor.holder!.id;
        return [said({ type: 'press', button, source, result: 'calling', call, reason: 'left on hold' }), ...again];
      }
      case 'refused':
        return [press()];
      default:
        return unreachable(decision);
    }
  }
}
