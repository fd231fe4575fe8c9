/** What is wrong and who is registered: remembered for the lamp and the status, an event on each change. */
import type { TerminalAction, TerminalStatus } from './types.ts';
import { said } from './words.ts';

/** Faults remembered at once. Each one past this is still reported, but not remembered. */
const FAULTS_MAX = 64;
const ACCOUNTS_MAX = 64;

export class Health {
  readonly #faults = new Map<string, string>();
  readonly #registrations = new Map<string, { registered: boolean; reason: string }>();

  get faulty(): boolean {
    return this.#faults.size > 0;
  }

  /** Every account we know of is. */
  get registered(): boolean {
    const all = [...this.#registrations.values()];
    return all.length > 0 && all.every((account) => account.registered);
  }

  get faults(): TerminalStatus['faults'] {
    return [...this.#faults].map(([fault, reason]) => ({ fault, reason }));
  }

  get registrations(): TerminalStatus['registrations'] {
    return Object.fromEntries(this.#registrations);
  }

  /** The same fault with another reason is news, the same with the same is not. */
  fault(fault: string, raised: boolean, reason: string): TerminalAction[] {
    if (raised ? this.#faults.get(fault) === reason : !this.#faults.has(fault)) return [];
    if (!raised) this.#faults.delete(fault);
    else if (this.#faults.has(fault) || this.#faults.size < FAULTS_MAX) this.#faults.set(fault, reason);
    return [said({ type: 'fault', fault, state: raised ? 'raised' : 'cleared', reason })];
  }

  registration(account: string, registered: boolean, reason: string): TerminalAction[] {
    const known = this.#registrations.get(account);
    const actions: TerminalAction[] = [];
    if (known?.registered !== registered || known.reason !== reason) {
      if (known !== undefined || this.#registrations.size < ACCOUNTS_MAX)
        this.#registrations.set(account, { registered, reason });
      actions.push(said({ type: 'registration', account, registered, reason }));
    }
    actions.push(...this.fault(`sip:${account}`, !registered, reason));
    return actions;
  }
}
