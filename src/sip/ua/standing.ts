/** What an account as a whole has to say when each of its servers has a registration of its own. */
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
