/**
 * One line of a GPIO chip from opening to closing: opened again for as long as it takes when its chip is absent or was
 * unplugged. Each line is a kernel request of its own, so that one that is held by somebody else leaves the others alone.
 */
import { type Logger, uint32 } from '../../base/index.ts';
import { Debouncer } from './debouncer.ts';
import { type OpenLine, openLine } from './find.ts';
import type { GpioKernel } from './kernel.ts';
import type { ChipLineConfig } from './types.ts';
import type { LineEvent } from './uapi.ts';

/** How long until a line that cannot be had is tried again. */
const RETRY_MS = 1000;

/**
 * The kernel's CLOCK_MONOTONIC, which is that of `process.hrtime`, is ahead of `performance.now()` by the age of the machine
 * when this process began. Whatever delays us between the two readings makes the difference too small: the largest is right.
 */
const clockAheadMs = Math.max(
  ...Array.from({ length: 5 }, () => Number(process.hrtime.bigint()) / 1e6 - performance.now()),
);

/** What a line tells its owner, on the clock of `performance.now()`. */
export interface LineListener {
  edge(active: boolean, atMs: number, initial: boolean): void;
  fault(raised: boolean, reason: string): void;
}

abstract class ChipLine {
  protected readonly kernel: GpioKernel;
  protected readonly config: ChipLineConfig;
  protected readonly listener: LineListener;
  protected readonly log: Logger;
  protected line: OpenLine | undefined;
  #stopWatching: () => void = () => {};
  #retry: NodeJS.Timeout | undefined;
  /** The fault that stands; empty: none. */
  #reason = '';

  constructor(kernel: GpioKernel, config: ChipLineConfig, listener: LineListener, log: Logger) {
    this.kernel = kernel;
    this.config = config;
    this.listener = listener;
    this.log = log;
  }

  protected abstract request(): OpenLine;
  /** The line is open; what it was found to be is told here. */
  protected abstract opened(line: OpenLine): void;
  /** Its descriptor has something to say. */
  protected abstract readable(line: OpenLine): void;
  protected abstract lost(): void;

  open(): void {
    try {
      const line = this.request();
      this.line = line;
      // uv_poll also wakes us when the chip goes, for outputs too.
      this.#stopWatching = this.kernel.watch(line.fd, () => this.attempt((open) => this.readable(open)));
      this.attempt((open) => this.opened(open));
      if (this.line !== undefined && this.#reason !== '') {
        this.#reason = '';
        this.listener.fault(false, `${line.where} is back`);
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  close(): void {
    clearTimeout(this.#retry);
    this.#release();
  }

  /** Does something with the open line; when that fails, the line is lost and tried again. */
  protected attempt(work: (line: OpenLine) => void): void {
    const { line } = this;
    if (line === undefined) return;
    try {
      work(line);
    } catch (error) {
      this.#release();
      this.lost();
      this.#fail(`Lost ${line.where}: ${error instanceof Error ? error.message : error}; was the chip unplugged?`);
    }
  }

  #release(): void {
    this.#stopWatching();
    this.#stopWatching = () => {};
    if (this.line !== undefined) this.kernel.close(this.line.fd);
    this.line = undefined;
  }

  #fail(reason: string): void {
    this.#release();
    this.#retry = setTimeout(() => this.open(), RETRY_MS);
    // A fault is told once, with its first reason: what comes while it is tried again is only worth a line in the log.
    if (this.#reason === '') this.listener.fault(true, reason);
    else if (this.#reason !== reason) this.log.info('gpio line still away', { reason });
    this.#reason = reason;
  }
}

export class InputLine extends ChipLine {
  #active = false;
  /** Of the last event read; the kernel counts from 1. */
  #sequence = 0;
  #debouncer: Debouncer | undefined;
  #alarm: NodeJS.Timeout | undefined;

  override close(): void {
    clearTimeout(this.#alarm);
    super.close();
  }

  protected request(): OpenLine {
    const { bias, debounceMs } = this.config;
    return openLine(this.kernel, this.config, { kind: 'input', bias, debounceUs: Math.round(debounceMs * 1000) });
  }

  protected opened(line: OpenLine): void {
    const active = this.kernel.value(line.fd);
    this.#sequence = 0;
    this.#debouncer = line.undebounced ? new Debouncer(this.config.debounceMs, active) : undefined;
    if (line.undebounced) this.log.warn('gpio line is debounced by us, the kernel cannot', { line: line.where });
    this.log.info('gpio input open', { line: line.where, active });
    this.#settle(active, performance.now(), true);
  }

  protected readable(line: OpenLine): void {
    const events = this.kernel.events(line.fd);
    for (const event of events) this.#take(event);
    const last = events.at(-1);
    if (last === undefined) return;
    // The kernel drops the oldest of too many: what the line is now is right, what it was meanwhile is lost.
    const dropped = uint32(last.sequence - this.#sequence - events.length);
    if (dropped > 0) this.log.warn('gpio events were dropped', { line: line.where, dropped });
    this.#sequence = last.sequence;
  }

  /** A line that is gone is not pressed. */
  protected lost(): void {
    clearTimeout(this.#alarm);
    this.#debouncer = undefined;
    this.#settle(false, performance.now(), false);
  }

  #take({ active, atNs }: LineEvent): void {
    const atMs = Number(atNs) / 1e6 - clockAheadMs;
    if (this.#debouncer === undefined) this.#settle(active, atMs, false);
    else this.#debounced(this.#debouncer, this.#debouncer.receive(active, atMs));
  }

  #debounced(debouncer: Debouncer, settled: { active: boolean; atMs: number }[]): void {
    for (const { active, atMs } of settled) this.#settle(active, atMs, false);
    clearTimeout(this.#alarm);
    if (debouncer.deadline === undefined) return;
    // A timer of Node may be up to 1 ms early.
    const waitMs = Math.max(0, Math.ceil(debouncer.deadline - performance.now())) + 1;
    this.#alarm = setTimeout(() => {
      // What the kernel has for us came before this: the edges of a busy moment count at their own times.
      this.attempt((line) => this.readable(line));
      if (this.#debouncer === debouncer) this.#debounced(debouncer, debouncer.timeout(performance.now()));
    }, waitMs);
  }

  #settle(active: boolean, atMs: number, initial: boolean): void {
    if (active === this.#active) return;
    this.#active = active;
    this.listener.edge(active, atMs, initial);
  }
}

export class OutputLine extends ChipLine {
  #on = false;

  /** Remembered while the line is away. */
  set(on: boolean): void {
    this.#on = on;
    this.attempt((line) => this.kernel.setValue(line.fd, on));
  }

  protected request(): OpenLine {
    return openLine(this.kernel, this.config, { kind: 'output', on: this.#on });
  }

  protected opened(line: OpenLine): void {
    this.log.info('gpio output open', { line: line.where, on: this.#on });
  }

  /** An output has no events: to be woken means that the chip is gone, and reading says so. */
  protected readable(line: OpenLine): void {
    this.kernel.events(line.fd);
  }

  protected lost(): void {}
}
