/** Home Assistant's MQTT discovery: one message that describes the whole device. */
import type { MqttIdentity } from './types.ts';

export interface Discovery {
  topic: string;
  payload: object;
}

/** `prefix`: Home Assistant's, `homeassistant` unless somebody changed it. `base`: our own topics. */
export function discoveryMessage(prefix: string, base: string, identity: MqttIdentity): Discovery {
  const objectId = identity.id.replace(/[^A-Za-z0-9_-]/g, '_');
  const components: Record<string, object> = {};
  const add = (key: string, component: Record<string, unknown>): void => {
    const part = key.replace(/[^A-Za-z0-9_-]/g, '_');
    components[part] = { unique_id: `${objectId}_${part}`, ...component };
  };
  const status = (template: string): object => ({ state_topic: `${base}/status`, value_template: `{{ ${template} }}` });

  add('state', { platform: 'sensor', name: 'State', icon: 'mdi:phone', ...status('value_json.state') });
  add('fault', {
    platform: 'binary_sensor',
    name: 'Fault',
    device_class: 'problem',
    ...status("'ON' if value_json.faults else 'OFF'"),
  });
  for (const account of identity.accounts) {
    add(`registered_${account}`, {
      platform: 'binary_sensor',
      name: `Registered at ${account}`,
      device_class: 'connectivity',
      ...status(`'ON' if value_json.registrations['${account}'].registered else 'OFF'`),
    });
  }
  for (const button of identity.buttons) {
    const wanted = `value_json.type in ['press', 'release'] and value_json.button == '${button}'`;
    add(`button_${button}`, {
      platform: 'event',
      name: `Button ${button}`,
      device_class: 'button',
      event_types: ['press', 'release'],
      state_topic: `${base}/event`,
      // Other events give an empty text, which Home Assistant passes over.
      value_template: `{% if ${wanted} %}{{ {'event_type': value_json.type} | to_json }}{% endif %}`,
    });
  }
  for (const output of identity.outputs) {
    add(`output_${output}`, {
      platform: 'binary_sensor',
      name: `Output ${output}`,
      ...status(`'ON' if value_json.outputs['${output}'].on else 'OFF'`),
    });
  }
  for (const plan of identity.plans) {
    add(`call_${plan}`, {
      platform: 'button',
      name: `Call ${plan}`,
      command_topic: `${base}/command/call`,
      payload_press: JSON.stringify({ plan }),
    });
  }
  add('hangup', {
    platform: 'button',
    name: 'Hang up',
    command_topic: `${base}/command/hangup`,
    payload_press: '{}',
  });

  return {
    topic: `${prefix}/device/${objectId}/config`,
    payload: {
      device: {
        identifiers: [`hailpoint_${identity.id}`],
        name: identity.name,
        manufacturer: 'Hailpoint',
        model: 'Help point',
        sw_version: identity.version,
      },
      origin: { name: 'hailpoint', sw_version: identity.version },
      availability_topic: `${base}/availability`,
      qos: 1,
      components,
    },
  };
}
