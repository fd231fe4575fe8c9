// The program as it runs: few files instead of hundreds, which saves a board some 13 MB of memory and start-up time.
// All of them lie in one folder, so that a thread's `./worker.js` or `./thread.js` is found from whichever file starts it.
import { defineConfig } from 'rolldown';

// One character beyond Latin-1 makes V8 keep a whole file at two bytes a character.
const latin1 = {
  name: 'latin1',
  renderChunk: (code) =>
    code.replace(/[^\x00-\xff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`),
};

// What the MQTT and log packages can do and nobody here asks for: WebSockets, SOCKS, timers of browsers, log threads; and a
// copy of Node's own streams. 3 MB of memory.
const unused = ['ws', 'socks', 'worker-timers', 'thread-stream'];
const leftOut = {
  name: 'left-out',
  resolveId: (name) => (unused.includes(name) ? '\0left-out' : null),
  load: (id) => (id === '\0left-out' ? 'export default {}' : null),
};

export default defineConfig({
  input: { main: 'src/cli/main.ts', worker: 'src/media/worker.ts', thread: 'src/config/thread.ts' },
  platform: 'node',
  plugins: [leftOut, latin1],
  resolve: { alias: { 'readable-stream': 'node:stream' } },
  external: ['koffi', 'aedes'], // native code; the demo's broker
  output: { dir: 'build/program', format: 'esm', cleanDir: true, comments: false },
});
