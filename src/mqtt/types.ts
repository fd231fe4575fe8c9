/** What the MQTT room is given and gives. */
import type { Command } from '../terminal/types.ts';

/** The answer to a command: goes to the response topic, else to `…/reply`. */
export interface CommandAnswer {
  ok: boolean;
  /** Why not, or what came of it. */
  reason?: string;
}

export interface MqttHandlers {
  /** Does what an operator asked for. */
  command(command: Command): CommandAnswer | Promise<CommandAnswer>;
  /** What `…/status` says now; anything JSON can carry. */
  status(): object;
  /** The broker is away (with the reason), or back. Only changes are told. */
  fault(raised: boolean, reason: string): void;
}

/** Who the terminal is: for topics and for Home Assistant. */
export interface MqttIdentity {
  id: string;
  name: string;
  version: string;
  /** Names of buttons, outputs and call plans, for the discovery message. */
  buttons: readonly string[];
  outputs: readonly string[];
  plans: readonly string[];
  accounts: readonly string[];
}
