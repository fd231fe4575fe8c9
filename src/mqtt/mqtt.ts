/** The connection to the broker. */
import type { Logger } from '../base/index.ts';
import type { MqttConfig } from '../config/index.ts';
import type { Journal } from '../journal/index.ts';
import type { Mqtt, MqttHandlers, MqttIdentity } from './types.ts';

/** Connects, and stays connected for ever. Returns at once. */
export function createMqtt(
  _config: MqttConfig,
  _identity: MqttIdentity,
  _journal: Journal,
  _handlers: MqttHandlers,
  _logger: Logger,
): Mqtt {
  throw new Error('not yet');
}
