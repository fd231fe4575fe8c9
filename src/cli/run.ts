/** `hailpoint run`: the service in the foreground, with the words systemd wants to hear. */
import { createLogger, type LogLevel, logLevels, Service } from '../app/index.ts';
import { loadConfig, packageVersion } from '../config/index.ts';
import { createNotifier } from '../io/notify.ts';
import { socketToOpen } from './paths.ts';

/** A stop that has not ended by then ends the process: systemd and people wait for 5 s. */
const stopLimitMs = 4_500;

export async function runService(file: string, stateDirectory: string): Promise<number> {
  const version = packageVersion();
  const config = await loadConfig(file, process.env);
  const asked = process.env.HAILPOINT_LOG as LogLevel;
  const logger = createLogger(logLevels.includes(asked) ? asked : 'info');
  const notify = createNotifier(process.env, logger);
  const service: Service = new Service({
    config,
    stateDirectory,
    socketPath: socketToOpen(),
    version,
    logger,
    onChange: () => notify.status(summary(service.status())),
  });
  const stopped = new Promise<number>((done) => {
    let stopping = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (stopping) return;
      stopping = true;
      logger.info('Stopping', { signal });
      notify.stopping('saying goodbye');
      setTimeout(() => {
        logger.error(`Not everything ended within ${stopLimitMs} ms`);
        process.kill(process.pid, 'SIGKILL'); // process.exit would wait for a driver that hangs
      }, stopLimitMs).unref();
      void service.stop().then(() => {
        if (service.hung) {
          logger.error('A sound driver does not let go: ending without it');
          process.kill(process.pid, 'SIGKILL');
        }
        done(0);
      });
    };
    // `on`: a second signal finds the goodbye under way, and must not cut it short.
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
  await service.start();
  const { id, name } = config.terminal;
  logger.info('Ready', { id, name, version });
  notify.ready(summary(service.status()));
  // Beaten by the loop that also takes the calls: one that hangs is put down and begun anew by systemd.
  if (notify.watchdogEveryMs !== undefined) setInterval(() => notify.watchdog(), notify.watchdogEveryMs).unref();
  return stopped;
}

/** One line for `systemctl status`: `idle, pbx registered, fault: mqtt`. */
function summary({ state, registrations, faults }: ReturnType<Service['status']>): string {
  const accounts = Object.entries(registrations).map(
    ([name, { registered }]) => `${name} ${registered ? 'registered' : 'not registered'}`,
  );
  return [state, ...accounts, ...faults.map(({ fault }) => `fault: ${fault}`)].join(', ');
}
