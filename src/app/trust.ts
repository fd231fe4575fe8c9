/** What the configuration says of callers, for the user agent's door. */
import type { Config } from '../config/index.ts';
import type { Trust } from '../sip/ua/index.ts';
import { challenges, inPrefix, letsAnybody, names } from '../terminal/index.ts';

export function trustOf(config: Config): Trust {
  const { incoming } = config.terminal;
  const { strangers, realm, users } = config.sip;
  const anybody = letsAnybody(incoming);
  return {
    knows: (address, identities) => anybody || mayWatch(config, address) || names(incoming, address, identities),
    challenges: (uri, sourceAddress, identities) =>
      challenges(incoming, { uri, displayName: '', sourceAddress, identities }),
    strangers,
    realm,
    users: new Map(Object.entries(users)),
  };
}

/** Whether somebody at `address` may watch the state of our calls. */
export const mayWatch = ({ sip: { watchers = [] } }: Config, address: string): boolean =>
  watchers.some((range) => inPrefix(range, address));
