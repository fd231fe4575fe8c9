/** MQTT: availability, status, events and commands on `hailpoint/<id>/…`. An edge room. */
export { Mqtt } from './mqtt.ts';
export type { CommandAnswer } from './types.ts';
