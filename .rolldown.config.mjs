// The program as it runs: few files instead of hundreds, which saves a board some 15 MB of memory and start-up time.
// All of them lie in one folder, so that the media thread's `./worker.js` is found from whichever file starts it.
import { defineConfig } from 'rolldown';

export default defineConfig({
  input: { main: 'src/cli/main.ts', worker: 'src/media/worker.ts' },
  platform: 'node',
  external: ['koffi', 'aedes'], // native code; the demo's broker
  output: { dir: 'build/program', format: 'esm', cleanDir: true, comments: false },
});
