/** From the words of a device profile (`pinctrl-bcm2711`, `GPIO17`) to an open line; every way it can fail says its mend. */
import { type GpioKernel, KernelError } from './kernel.ts';
import { type ChipLineConfig, GpioError } from './types.ts';
import type { ChipInfo, LineRequest } from './uapi.ts';

export interface OpenLine {
  fd: number;
  /** `GPIO17 of pinctrl-bcm2711 (/dev/gpiochip0)` */
  where: string;
  /** The kernel would not debounce this line: the caller must. */
  undebounced: boolean;
}

interface OpenChip {
  fd: number;
  path: string;
  info: ChipInfo;
}

const NO_ACCESS = new Set(['EACCES', 'EPERM']);
const GONE = new Set(['ENODEV', 'ENXIO', 'ENOENT']);
/** A chip that cannot debounce in hardware, with a kernel that does not do it itself. 524: the kernel's own ENOTSUPP. */
const NOT_SUPPORTED = new Set(['EINVAL', 'EOPNOTSUPP', 'ENOTSUP', 'errno 524']);

const codeOf = (error: unknown): string => (error instanceof KernelError ? error.code : '');

/** Opens the line that `config` names. Throws `GpioError`; then nothing is left open. */
export function openLine(kernel: GpioKernel, config: ChipLineConfig, use: LineRequest['use']): OpenLine {
  const chip = openChip(kernel, config);
  try {
    const offset = findLine(kernel, chip, config.line);
    const where = `${config.line} of ${chip.info.label} (${chip.path})`;
    const request = { offset, activeLow: config.active === 'low', use };
    try {
      return { fd: kernel.requestLine(chip.fd, request), where, undebounced: false };
    } catch (error) {
      if (use.kind !== 'input' || use.debounceUs === 0 || !NOT_SUPPORTED.has(codeOf(error))) {
        throw refusal(kernel, chip, offset, where, error);
      }
    }
    try {
      const fd = kernel.requestLine(chip.fd, { ...request, use: { ...use, debounceUs: 0 } });
      return { fd, where, undebounced: true };
    } catch (error) {
      throw refusal(kernel, chip, offset, where, error);
    }
  } finally {
    kernel.close(chip.fd);
  }
}

/** By path, by name, or the first chip that has the label. The numbers of chips change from boot to boot, labels do not. */
function openChip(kernel: GpioKernel, { chip, line }: ChipLineConfig): OpenChip {
  if (chip.startsWith('/') || /^gpiochip\d+$/.test(chip)) {
    const path = chip.startsWith('/') ? chip : `/dev/${chip}`;
    let fd: number;
    try {
      fd = kernel.open(path);
    } catch (error) {
      if (NO_ACCESS.has(codeOf(error))) throw noAccess(path, line, error);
      throw noChip(kernel, chip, line, error);
    }
    return withInfo(kernel, fd, path, line);
  }
  let denied: { path: string; error: unknown } | undefined;
  for (const path of kernel.chips()) {
    let fd: number;
    try {
      fd = kernel.open(path);
    } catch (error) {
      if (NO_ACCESS.has(codeOf(error))) denied ??= { path, error };
      continue;
    }
    const found = withInfo(kernel, fd, path, line);
    if (found.info.label === chip) return found;
    kernel.close(fd);
  }
  if (denied !== undefined) throw noAccess(`${denied.path}, looking for the chip "${chip}"`, line, denied.error);
  throw noChip(kernel, chip, line);
}

function withInfo(kernel: GpioKernel, fd: number, path: string, line: string | number): OpenChip {
  try {
    return { fd, path, info: kernel.chipInfo(fd) };
  } catch (error) {
    kernel.close(fd);
    const gone = GONE.has(codeOf(error));
    const mend = gone ? 'the chip was unplugged: plug it in again' : 'is this a GPIO chip?';
    const code = gone ? 'gpio-no-chip' : 'gpio-refused';
    throw new GpioError(code, `Cannot use ${path} for the line ${line}: ${why(error)}; ${mend}`, { cause: error });
  }
}

function findLine(kernel: GpioKernel, chip: OpenChip, line: string | number): number {
  const { label, lines } = chip.info;
  if (typeof line === 'string') {
    for (let offset = 0; offset < lines; offset++) {
      if (kernel.lineInfo(chip.fd, offset).name === line) return offset;
    }
  }
  const offset = /^\d+$/.test(`${line}`) ? Number(line) : Number.POSITIVE_INFINITY;
  if (offset < lines) return offset;
  const mend = `it has the offsets 0 to ${lines - 1}; \`gpioinfo\` lists the names`;
  throw new GpioError('gpio-no-line', `Cannot find the line ${line} on ${label} (${chip.path}): ${mend}`);
}

function refusal(kernel: GpioKernel, chip: OpenChip, offset: number, where: string, error: unknown): GpioError {
  if (codeOf(error) === 'EBUSY') {
    const holder = kernel.lineInfo(chip.fd, offset).consumer || 'the kernel';
    const mend = `it is held by "${holder}": stop that, or use another line`;
    return new GpioError('gpio-busy', `Cannot open ${where}: ${mend}`, { cause: error });
  }
  if (GONE.has(codeOf(error))) {
    return new GpioError('gpio-gone', `Cannot open ${where}: the chip was unplugged: plug it in again`, {
      cause: error,
    });
  }
  if (NO_ACCESS.has(codeOf(error))) return noAccess(chip.path, where, error);
  const mend = 'does the chip have this direction and bias on this line?';
  return new GpioError('gpio-refused', `Cannot open ${where}: the kernel says ${why(error)}; ${mend}`, {
    cause: error,
  });
}

function noAccess(path: string, line: string | number, cause: unknown): GpioError {
  const mend = 'the service needs the group that owns it (`ls -l /dev/gpiochip*`), by default "gpio"';
  return new GpioError('gpio-no-access', `Cannot open ${path} for the line ${line}: no permission; ${mend}`, { cause });
}

function noChip(kernel: GpioKernel, chip: string, line: string | number, cause?: unknown): GpioError {
  const there = kernel.chips().map((path) => {
    try {
      const fd = kernel.open(path);
      try {
        return `${kernel.chipInfo(fd).label} (${path})`;
      } finally {
        kernel.close(fd);
      }
    } catch (error) {
      return `${path}: ${why(error)}`;
    }
  });
  const mend =
    there.length === 0
      ? 'there is no GPIO chip at all: is it plugged in, is its driver loaded?'
      : `there is ${there.join(', ')}: name one of these, or plug it in`;
  return new GpioError('gpio-no-chip', `Cannot find the chip "${chip}" for the line ${line}: ${mend}`, { cause });
}

const why = (error: unknown): string => (error instanceof Error ? error.message : String(error));
