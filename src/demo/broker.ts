/** The demo's MQTT broker: the package `aedes` behind a socket on loopback. */
import { createServer } from 'node:net';
import { Aedes } from 'aedes';

export interface Broker {
  port: number;
  /** Every message anybody publishes. */
  onMessage(listener: (topic: string, payload: string) => void): void;
  stop(): Promise<void>;
}

export async function startBroker(): Promise<Broker> {
  const aedes = await Aedes.createBroker();
  const server = createServer(aedes.handle);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as { port: number }).port,
    onMessage: (listener) => {
      aedes.on('publish', (packet, client) => {
        if (client) listener(packet.topic, packet.payload.toString());
      });
    },
    stop: async () => {
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
