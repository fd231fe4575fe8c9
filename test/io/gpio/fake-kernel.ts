/** A kernel that refuses what the simulated chip of test/kit/vm cannot be made to refuse; the real one is met in test/vm. */
import { type GpioKernel, KernelError } from '../../../src/io/gpio/kernel.ts';
import type { LineEvent, LineRequest } from '../../../src/io/gpio/uapi.ts';

interface Line {
  /** As seen by the program: already turned round for active-low. */
  active: boolean;
  holder?: string;
  open?: { request: LineRequest; events: LineEvent[]; sequence: number; listener?: () => void };
}

export class FakeKernel implements GpioKernel {
  readonly lines: Line[] = Array.from({ length: 28 }, () => ({ active: false }));
  plugged = true;
  permitted = true;
  debounces = true;
  /** Descriptors that are open: 3 is a chip, 100 + n is the line n. */
  readonly open_ = new Map<number, string>();
  #next = 3;

  chips(): string[] {
    return this.plugged ? ['/dev/gpiochip0'] : [];
  }

  open(path: string): number {
    if (!this.plugged || path !== '/dev/gpiochip0') throw new KernelError('ENOENT', `open ${path}: ENOENT`);
    if (!this.permitted) throw new KernelError('EACCES', `open ${path}: EACCES`);
    const fd = this.#next++;
    this.open_.set(fd, path);
    return fd;
  }

  close(fd: number): void {
    if (!this.open_.delete(fd)) throw new Error(`descriptor ${fd} was closed twice`);
    if (fd >= 100) this.lines[fd - 100].open = undefined;
  }

  chipInfo(): { name: string; label: string; lines: number } {
    return { name: 'gpiochip0', label: 'pinctrl-bcm2711', lines: 28 };
  }

  lineInfo(_chip: number, offset: number): { name: string; consumer: string; used: boolean } {
    const { holder, open } = this.lines[offset];
    return { name: `GPIO${offset}`, consumer: holder ?? '', used: holder !== undefined || open !== undefined };
  }

  requestLine(_chip: number, request: LineRequest): number {
    const line = this.lines[request.offset];
    if (line.holder !== undefined || line.open !== undefined) throw new KernelError('EBUSY', 'GPIO_V2_GET_LINE: EBUSY');
    if (request.use.kind === 'input' && request.use.debounceUs > 0 && !this.debounces) {
      throw new KernelError('errno 524', 'GPIO_V2_GET_LINE: errno 524');
    }
    if (request.use.kind === 'output') line.active = request.use.on;
    line.open = { request, events: [], sequence: 0 };
    this.open_.set(100 + request.offset, `GPIO${request.offset}`);
    return 100 + request.offset;
  }

  value(fd: number): boolean {
    return this.#line(fd).active;
  }

  setValue(fd: number, on: boolean): void {
    this.#line(fd).active = on;
  }

  events(fd: number): LineEvent[] {
    return this.#line(fd).open?.events.splice(0) ?? [];
  }

  watch(fd: number, listener: () => void): () => void {
    const { open } = this.#line(fd);
    if (open !== undefined) open.listener = listener;
    return () => {
      if (open !== undefined) open.listener = undefined;
    };
  }

  /** Edges on a wire, which the program is then told of at once. `lost`: as many were dropped before them. */
  edges(offset: number, levels: readonly boolean[], atNs = process.hrtime.bigint(), lost = 0): void {
    const line = this.lines[offset];
    line.active = levels[levels.length - 1];
    if (line.open === undefined) return;
    line.open.sequence += lost;
    for (const active of levels) line.open.events.push({ active, atNs, sequence: ++line.open.sequence });
    line.open.listener?.();
  }

  unplug(): void {
    this.plugged = false;
    for (const line of this.lines) line.open?.listener?.();
  }

  #line(fd: number): Line {
    if (!this.plugged) throw new KernelError('ENODEV', 'read of line events: ENODEV');
    return this.lines[fd - 100];
  }
}
