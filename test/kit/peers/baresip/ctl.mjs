// Drive a baresip over ctrl_tcp (netstrings of JSON).
//   ctl.mjs NAME COMMAND [PARAMS]     one command, prints its answer
//   ctl.mjs NAME events SECONDS [COMMAND PARAMS]   prints events, one JSON a line
// baresip serves one connection: a second client ends the first.
import net from 'node:net';

const hosts = Object.fromEntries((process.env.PEERS_HOSTS ?? '').split(' ').map((p) => p.split('=')));
const [name, command, ...rest] = process.argv.slice(2);
const host = hosts[name] ?? name;
if (!host || !command) {
  console.error('usage: ctl.mjs NAME|IP COMMAND [PARAMS] | NAME events SECONDS [COMMAND PARAMS]');
  process.exit(2);
}
const listen = command === 'events';
const socket = net.connect(4444, host);
let buffer = Buffer.alloc(0);
const done = (code) => {
  socket.destroy();
  process.exitCode = code;
  clearTimeout(timer);
};
const timer = setTimeout(() => done(listen ? 0 : 1), listen ? Number(rest[0] ?? 10) * 1000 : 5000);
socket.on('error', (e) => {
  console.error(`${host}:4444 ${e.message}`);
  done(1);
});
socket.on('connect', () => {
  const [verb, ...params] = listen ? rest.slice(1) : [command, ...rest];
  if (!verb) return;
  const json = JSON.stringify({ command: verb, params: params.join(' '), token: 'ctl' });
  socket.write(`${Buffer.byteLength(json)}:${json},`);
});
socket.on('data', (chunk) => {
  buffer = Buffer.concat([buffer, chunk]);
  for (;;) {
    const colon = buffer.indexOf(58);
    if (colon < 0) return;
    const length = Number(buffer.subarray(0, colon).toString());
    if (buffer.length < colon + length + 2) return;
    const message = JSON.parse(buffer.subarray(colon + 1, colon + 1 + length).toString());
    buffer = buffer.subarray(colon + length + 2);
    if (listen && message.event) console.log(JSON.stringify(message));
    if (!listen && message.response) {
      // eslint-disable-next-line no-control-regex
      process.stdout.write(
        `${String(message.data)
          .replace(/\x1b\[[0-9;]*m/g, '')
          .trim()}\n`,
      );
      return done(message.ok ? 0 : 1);
    }
  }
});
