/** Buttons, lamps and sound: asked of the service that has them, else tried here. */
import { silentLogger } from '../base/index.ts';
import type { Config } from '../config/index.ts';
import { createGpio } from '../io/gpio/index.ts';
import { closePcm, type Half, openPcm } from '../io/soundcard/index.ts';
import { type Finding, fault, off, ok, type ServiceStatus } from './types.ts';

/** A driver that has not opened its device by then hangs. */
const OPEN_LIMIT_MS = 3000;

export async function readBoard(config: Config, status: ServiceStatus | undefined): Promise<Finding[]> {
  return [...(await lines(config, status)), ...(await sound(config, status)), ...realTime(config, status)];
}

async function lines({ device }: Config, status: ServiceStatus | undefined): Promise<Finding[]> {
  const names = [...Object.entries(device.buttons), ...Object.entries(device.outputs)]
    .filter(([, { driver }]) => driver !== 'simulated')
    .map(([name]) => name);
  if (names.length === 0) return [off('gpio', 'every line is simulated')];
  const faults = status === undefined ? await tryLines(device) : faultsOf(status);
  const mend = `gpioinfo lists the lines; ${device.file} names them`;
  return [...new Set(names)].map((name) => {
    const reason = faults.get(name);
    return reason === undefined ? ok(`gpio ${name}`, 'the line is ours') : fault(`gpio ${name}`, reason, mend);
  });
}

function faultsOf({ faults }: ServiceStatus): Map<string, string> {
  return new Map(
    faults.filter(({ fault }) => fault.startsWith('gpio:')).map(({ fault, reason }) => [fault.slice(5), reason]),
  );
}

async function tryLines({ buttons, outputs }: Config['device']): Promise<Map<string, string>> {
  const faults = new Map<string, string>();
  const onFault = (name: string, raised: boolean, reason: string): void => {
    if (raised) faults.set(name, reason);
  };
  const gpio = createGpio({ inputs: buttons, outputs }, () => {}, onFault, silentLogger);
  await new Promise((resolve) => setTimeout(resolve, 100)); // what cannot be had is told in the next turn
  await gpio.close();
  return faults;
}

async function sound({ media }: Config, status: ServiceStatus | undefined): Promise<Finding[]> {
  const config = media.sound;
  if (config.driver !== 'alsa') return [off('sound', `driver ${config.driver}`)];
  const mend = 'aplay -l and arecord -l list the cards; usermod -aG audio hailpoint lets the service at them';
  if (status !== undefined) {
    const trouble = status.faults.find(({ fault }) => fault === 'sound');
    const cards = `${config.speaker}, ${config.microphone}`;
    return [
      trouble ? fault('sound', trouble.reason, mend) : ok('sound', `${cards}: no fault since they were last used`),
    ];
  }
  return Promise.all(
    (['speaker', 'microphone'] as const).map((half) => tryHalf(half, config[half], config.periodMs, mend)),
  );
}

async function tryHalf(half: Half, name: string, periodMs: number, mend: string): Promise<Finding> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(
      () => reject(new Error(`the driver has not opened it in ${OPEN_LIMIT_MS / 1000} s`)),
      OPEN_LIMIT_MS,
    ).unref();
  });
  try {
    const open = await Promise.race([openPcm(half, name, periodMs), late]);
    await Promise.race([closePcm(open.pcm), late]);
    return ok(half, `${name}: ${open.rateHz} Hz, ${open.channels} channels, ${open.format}`);
  } catch (error) {
    return fault(half, (error as Error).message, mend);
  }
}

function realTime({ media }: Config, status: ServiceStatus | undefined): Finding[] {
  if (media.sound.driver === 'none' || status === undefined) return [];
  if (status.sound.realTime) return [ok('real time', 'the sound goes before everything else')];
  return [
    fault(
      'real time',
      'the sound waits for other programs',
      'LimitRTPRIO=60 in the unit, as systemd/hailpoint.service has it',
    ),
  ];
}
