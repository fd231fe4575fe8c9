/** Turns "blink at 500 ms" into levels: half a period on, half off, in step for all lamps of one rate. Sans-IO. */
export interface BlinkOutput {
  output: string;
  on: boolean;
}

interface Lamp {
  halfMs: number;
  lit: boolean;
  nextMs: number;
}

export class Blinker {
  /** Blinking lamps only; their number is that of the board's outputs. */
  readonly #lamps = new Map<string, Lamp>();

  /** The next change of any lamp; undefined while none blinks. */
  get deadline(): number | undefined {
    let next: number | undefined;
    for (const { nextMs } of this.#lamps.values()) if (next === undefined || nextMs < next) next = nextMs;
    return next;
  }

  /** `blinkMs`: how long it is lit, and how long dark; absent: steady. Returns the level to set now. */
  set(output: string, on: boolean, blinkMs: number | undefined, now: number): BlinkOutput[] {
    const lamp = this.#lamps.get(output);
    if (!on || blinkMs === undefined || blinkMs <= 0) {
      this.#lamps.delete(output);
      return [{ output, on }];
    }
    // Asked again for what it does: it goes on in its rhythm.
    if (lamp?.halfMs === blinkMs) return [];
    const partner = [...this.#lamps].find(([name, other]) => name !== output && other.halfMs === blinkMs)?.[1];
    // Lit at once, also while its partners are dark: whoever pressed looks at it now. Dark again when they turn dark.
    const step = partner === undefined ? now + blinkMs : partner.nextMs + (partner.lit ? 0 : blinkMs);
    this.#lamps.set(output, { halfMs: blinkMs, lit: true, nextMs: step });
    return [{ output, on: true }];
  }

  /** Changes that are due. After a long sleep the missed ones are skipped, and the rhythm kept. */
  timeout(now: number): BlinkOutput[] {
    const outputs: BlinkOutput[] = [];
    for (const [output, lamp] of this.#lamps) {
      if (now < lamp.nextMs) continue;
      const changes = Math.floor((now - lamp.nextMs) / lamp.halfMs) + 1;
      lamp.nextMs += changes * lamp.halfMs;
      if (changes % 2 === 0) continue;
      lamp.lit = !lamp.lit;
      outputs.push({ output, on: lamp.lit });
    }
    return outputs;
  }
}
