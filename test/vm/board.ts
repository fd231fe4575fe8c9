/**
 * Runs in the machine: the gpio room alone, told what to do by the lines of a FIFO and telling what it sees on its output.
 *   board.js FIFO CONFIG      CONFIG: a GpioConfig in JSON
 *   in:  `on NAME`, `off NAME`, `block MS` (the event loop stands still), `close`
 *   out: {"input", "active", "initial", "ageMs"} | {"fault", "raised", "reason"} | {"ready"}
 */
import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { silentLogger } from '../../src/base/index.ts';
import { createGpio, type GpioConfig } from '../../src/io/gpio/index.ts';

const [fifo, config] = process.argv.slice(2);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const gpio = createGpio(
  JSON.parse(config) as GpioConfig,
  ({ input, active, initial, atMs }) => say({ input, active, initial, ageMs: performance.now() - atMs }),
  (fault, raised, reason) => say({ fault, raised, reason }),
  silentLogger,
);
say({ ready: true });

// For reading and writing: it does not end when a writer closes it. A file stream's read would hold up the exit.
const commands = new Socket({ fd: openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK) });
createInterface(commands).on('line', (line) => {
  const [verb, what] = line.split(' ');
  if (verb === 'on' || verb === 'off') gpio.setOutput(what, verb === 'on');
  else if (verb === 'block') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(what));
  else if (verb === 'close') void gpio.close().then(() => process.exit());
});
