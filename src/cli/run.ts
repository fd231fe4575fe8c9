/** `hailpoint run`: the service in the foreground, with the words systemd wants to hear. */
import { createLogger, type LogLevel, logLevels, Service } from '../app/index.ts';
import { loadConfig, packageVersion } from '../config/index.ts';
import { createNotifier } from '../io/notify.ts';
import { lockState } from '../io/state-lock.ts';
import { socketToOpen } from './paths.ts';

/** A stop that has not ended by then ends the process: systemd and people wait for 5 s. */
const stopLimitMs = 4_500;
/** It is counted in steps: time in which the whole machine stood still is none. */
const stopStepMs = 100;
/** The line for people follows so soon, once for all that has changed meanwhile. */
const statusAfterMs = 50;

export async function runService(file: string, stateDirectory: string): Promise<number> {
  const version = packageVersion();
  const asked = process.env.HAILPOINT_LOG as LogLevel;
  const logger = createLogger(logLevels.includes(asked) ? asked : 'info');
  const notify = createNotifier(process.env, logger);
  let wanted = (_signal: NodeJS.Signals | 'reload'): void => {};
  // `on`: a second signal finds the goodbye under way, and must not cut it short.
  let leaving = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      leaving = true;
      wanted(signal);
    });
  // What was found sound is what runs next, whatever becomes of the file while the service says goodbye.
  let next = await loadConfig(file, process.env);
  let pressed: readonly string[] = [];
  // Each turn is one service; a reload ends it when nothing goes on and its file has been found sound.
  for (let watching = false; ; ) {
    if (leaving) return 0;
    const config = next;
    if (!watching) lockState(stateDirectory, logger);
    let service: Service | undefined;
    let telling: NodeJS.Timeout | undefined;
    const why = new Promise<NodeJS.Signals | 'reload'>((done) => (wanted = done));
    service = new Service({
      config,
      stateDirectory,
      socketPath: socketToOpen(),
      version,
      logger,
      pressed,
      onChange: () => {
        telling ??= setTimeout(() => {
          telling = undefined;
          if (service) notify.status(summary(service.status()));
        }, statusAfterMs).unref();
      },
      onReload: (sound) => {
        next = sound;
        wanted('reload');
      },
    });
    const ended = why.then(async (reason) => {
      logger.info('Stopping', { reason });
      clearTimeout(telling);
      if (reason !== 'reload') notify.stopping('saying goodbye');
      let leftMs = stopLimitMs;
      const limit = setInterval(() => {
        leftMs -= stopStepMs;
        if (leftMs > 0) return;
        logger.error(`Not everything ended within ${stopLimitMs} ms`);
        process.kill(process.pid, 'SIGKILL'); // process.exit would wait for a driver that hangs
      }, stopStepMs).unref();
      await service.stop();
      if (service.hung) {
        logger.error('A sound driver does not let go: ending without it');
        process.kill(process.pid, 'SIGKILL');
      }
      clearInterval(limit);
      pressed = service.pressed;
      return reason;
    });
    await service.start();
    const { id, name } = config.terminal;
    logger.info('Ready', { id, name, version });
    notify.ready(summary(service.status()));
    // Beaten by the loop that also takes the calls: one that hangs is put down and begun anew by systemd.
    if (!watching && notify.watchdogEveryMs !== undefined)
      setInterval(() => notify.watchdog(), notify.watchdogEveryMs).unref();
    watching = true;
    if ((await ended) !== 'reload' || leaving) return 0;
  }
}

/** One line for `systemctl status`: `idle, pbx registered, fault: mqtt`. */
function summary({ state, registrations, faults }: ReturnType<Service['status']>): string {
  const accounts = Object.entries(registrations).map(
    ([name, { registered }]) => `${name} ${registered ? 'registered' : 'not registered'}`,
  );
  return [state, ...accounts, ...faults.map(({ fault }) => `fault: ${fault}`)].join(', ');
}
