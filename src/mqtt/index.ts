/** MQTT: availability, status, events and commands on `hailpoint/<id>/…`. An edge room. */
export { createMqtt } from './mqtt.ts';
export type { CommandAnswer, Mqtt } from './types.ts';
