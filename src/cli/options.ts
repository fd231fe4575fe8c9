import { parseArgs } from 'node:util';

const options = {
  config: { type: 'string', short: 'c' },
  state: { type: 'string' },
  json: { type: 'boolean' },
  follow: { type: 'boolean', short: 'f' },
  last: { type: 'string', short: 'n' },
  for: { type: 'string' },
  pcap: { type: 'string' },
  once: { type: 'boolean' },
  baseline: { type: 'boolean' },
  incoming: { type: 'string' },
  source: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** Throws for an option that does not exist. */
export function parse() {
  return parseArgs({ options, allowPositionals: true });
}

export type Options = ReturnType<typeof parse>['values'];
