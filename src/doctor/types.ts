/** `off`: not used here, nothing is wrong. */
export type Health = 'ok' | 'fault' | 'off';

export interface Finding {
  /** What was looked at: `sound`, `broker`, `gpio help`. */
  what: string;
  health: Health;
  /** What was found, in a few words. */
  detail: string;
  /** Of a fault: what to do. */
  mend?: string;
}

export const ok = (what: string, detail: string): Finding => ({ what, health: 'ok', detail });
export const off = (what: string, detail: string): Finding => ({ what, health: 'off', detail });
export const fault = (what: string, detail: string, mend: string): Finding => ({ what, health: 'fault', detail, mend });

/** Of what the running service says of itself (`hailpoint status --json`), as far as it is looked at here. */
export interface ServiceStatus {
  version: string;
  registrations: Record<string, { registered: boolean; reason: string }>;
  faults: readonly { fault: string; reason: string }[];
  sound: { driver: string; realTime: boolean };
  mqtt: { connected: boolean } | null;
}
