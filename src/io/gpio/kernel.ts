/**
 * The system calls behind the GPIO character device, by koffi. One small interface, so that a test can be a kernel that
 * refuses what the simulated chip of a real one never refuses.
 *
 * How an edge reaches JavaScript (measured with gpio-sim in the Debian machine of test/kit/vm, 400 edges, from the
 * kernel's time stamp to the callback): by `koffi.node.poll`, libuv's own uv_poll on the line's descriptor, median
 * 0.13 ms, p99 4.9 ms; by poll(2) as a koffi `.async` call on the thread pool 0.19 ms, p99 3.2 ms (both tails are the
 * single virtual CPU). The first needs no thread, ends at once and also tells that a chip was unplugged. `net.Socket` and
 * `tty.ReadStream` refuse the descriptor (an anonymous inode), and fs.read would keep one of four pool threads per line.
 */
import { readdirSync } from 'node:fs';
import koffi from 'koffi';
import { CodedError } from '../../base/index.ts';
import {
  CHIP_INFO_BYTES,
  type ChipInfo,
  decodeChipInfo,
  decodeEvents,
  decodeLineInfo,
  decodeValues,
  EVENTS_BYTES,
  encodeLineInfo,
  encodeLineRequest,
  encodeValues,
  GET_CHIPINFO,
  GET_LINE,
  GET_LINEINFO,
  GET_VALUES,
  type LineEvent,
  type LineInfo,
  type LineRequest,
  lineDescriptor,
  SET_VALUES,
} from './uapi.ts';

/** A system call failed: `code` is the errno's name (`EBUSY`), or `errno 524` where it has none. */
export class KernelError extends CodedError {}

/** Every method throws `KernelError`. Descriptors are the caller's to close. */
export interface GpioKernel {
  /** Paths of the chips there are, in the order of their numbers. */
  chips(): string[];
  open(path: string): number;
  close(fd: number): void;
  chipInfo(chip: number): ChipInfo;
  lineInfo(chip: number, offset: number): LineInfo;
  requestLine(chip: number, request: LineRequest): number;
  value(line: number): boolean;
  setValue(line: number, on: boolean): void;
  /** What is waiting, `EVENTS_CAP` at most; empty when nothing is. */
  events(line: number): LineEvent[];
  /** Calls when `events` has something to say, be it that the chip is gone. Returns how to end that. */
  watch(line: number, listener: () => void): () => void;
}

const CONSUMER = 'hailpoint';
const O_RDWR = 0o2;
const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const F_SETFL = 4;

/** Loads libc once; throws what koffi throws where there is none. */
export function linuxKernel(): GpioKernel {
  const libc = koffi.load('libc.so.6');
  // The variadic ones of C are called with their third argument as a plain one: the same on every Linux ABI.
  const open = libc.func('int open(const char *path, int flags, int mode)');
  const close = libc.func('int close(int fd)');
  const fcntl = libc.func('int fcntl(int fd, int command, int value)');
  const ioctl = libc.func('int ioctl(int fd, unsigned long request, void *argument)');
  const read = libc.func('intptr_t read(int fd, void *buffer, size_t bytes)');
  const names = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));
  const buffer = new Uint8Array(EVENTS_BYTES);

  function check(result: number, tried: string): number {
    if (result >= 0) return result;
    const errno = koffi.errno();
    const code = names.get(errno) ?? `errno ${errno}`;
    throw new KernelError(code, `${tried}: ${code}`);
  }

  return {
    chips() {
      const number = (name: string) => Number(name.slice('gpiochip'.length));
      const chips = readdirSync('/dev').filter((name) => /^gpiochip\d+$/.test(name));
      return chips.sort((a, b) => number(a) - number(b)).map((name) => `/dev/${name}`);
    },
    open: (path) => check(open(path, O_RDWR | O_CLOEXEC, 0), `open ${path}`),
    close: (fd) => void close(fd),
    chipInfo(chip) {
      const bytes = new Uint8Array(CHIP_INFO_BYTES);
      check(ioctl(chip, GET_CHIPINFO, bytes), 'GPIO_GET_CHIPINFO');
      return decodeChipInfo(bytes);
    },
    lineInfo(chip, offset) {
      const bytes = encodeLineInfo(offset);
      check(ioctl(chip, GET_LINEINFO, bytes), 'GPIO_V2_GET_LINEINFO');
      return decodeLineInfo(bytes);
    },
    requestLine(chip, request) {
      const bytes = encodeLineRequest(request, CONSUMER);
      check(ioctl(chip, GET_LINE, bytes), 'GPIO_V2_GET_LINE');
      const line = lineDescriptor(bytes);
      check(fcntl(line, F_SETFL, O_NONBLOCK), 'fcntl O_NONBLOCK');
      return line;
    },
    value(line) {
      const bytes = encodeValues(false);
      check(ioctl(line, GET_VALUES, bytes), 'GPIO_V2_LINE_GET_VALUES');
      return decodeValues(bytes);
    },
    setValue: (line, on) => void check(ioctl(line, SET_VALUES, encodeValues(on)), 'GPIO_V2_LINE_SET_VALUES'),
    events(line) {
      const count = Number(read(line, buffer, buffer.length));
      if (count < 0 && koffi.errno() === koffi.os.errno.EAGAIN) return [];
      return decodeEvents(buffer.subarray(0, check(count, 'read of line events')));
    },
    watch(line, listener) {
      // koffi calls back outside of Node's callback scope, where promises would not go on: the check phase that follows
      // in the same turn of the loop is a proper one.
      let scheduled = false;
      const handle = koffi.node.poll(line, { readable: true }, () => {
        if (scheduled) return;
        scheduled = true;
        setImmediate(() => {
          scheduled = false;
          if (!ended) listener();
        });
      });
      let ended = false;
      return () => {
        if (!ended) handle.close();
        ended = true;
      };
    },
  };
}
