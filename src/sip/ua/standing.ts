/** What a registration has to say, and an account as a whole when each of its servers has a registration of its own. */
import { formatHostPort, type Hop } from '../message/index.ts';
import type { Account } from './account.ts';
import type { RegistrationState } from './types.ts';

export interface Told {
  state: RegistrationState;
  reason: string;
  status?: number;
  expiresMs?: number;
}

/** Reachable by one server is registered; only then it matters what the others are doing. */
const RANKS: readonly RegistrationState[] = ['registered', 'registering', 'failed', 'unregistered'];

export class Standing {
  readonly #parts = new Map<object, Told>();

  /** `part` has news; what they mean for the account. */
  tell(part: object, news: Told): Told {
    this.#parts.set(part, news);
    const all = [...this.#parts.values()];
    const [best, ...others] = RANKS.flatMap((state) => all.filter((one) => one.state === state));
    if (others.length === 0) return best;
    return { ...best, reason: [best, ...others].map(({ reason }) => reason).join('; ') };
  }
}

/** Of one registration: how it stands, told when that is news. */
export class News {
  readonly #account: Account;
  readonly #announce: (told: Told) => void;
  #state: RegistrationState = 'unregistered';
  #told = '';

  constructor(account: Account, announce: (told: Told) => void) {
    this.#account = account;
    this.#announce = announce;
  }

  get state(): RegistrationState {
    return this.#state;
  }

  tell(state: RegistrationState, reason: string, status?: number, expiresMs?: number): void {
    const { current } = this.#account;
    const at = state === 'registered' && current !== undefined ? ` at ${placeOf(current)}` : '';
    // A new wording of the same misfortune is no news; that a server is not who it should be is one.
    const told = `${state} ${status} ${/certificate/.test(reason)}${at}`;
    this.#state = state;
    if (told === this.#told) return;
    this.#told = told;
    this.#announce({ state, reason: `${reason}${at}`, status, expiresMs });
  }
}

const placeOf = ({ remote, transport }: Hop): string =>
  `${formatHostPort(remote.host, remote.port)} (${transport.toUpperCase()})`;
