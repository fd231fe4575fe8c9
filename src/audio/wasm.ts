/**
 * WebAssembly written down as the bytes it is: as much of it as the arithmetic of `kernels.ts` needs. It adds and multiplies four
 * numbers at a time where JavaScript does one, and is fast from its first call on. An expression is the code that leaves its value
 * on the stack.
 */
export type Code = readonly number[];

const TYPES = { i32: 0x7f, v128: 0x7b } as const;
type Type = keyof typeof TYPES;

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value];
}

function signed(value: number): number[] {
  const bytes = [];
  for (; value < -0x40 || value > 0x3f; value >>= 7) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value & 0x7f];
}

const operation =
  (...code: number[]) =>
  (...operands: Code[]): Code => [...operands.flat(), ...code];
const vector = (code: number): ((...operands: Code[]) => Code) => operation(0xfd, ...unsigned(code));

export const integer = (value: number): Code => [0x41, ...signed(value)];
/** Of integers: addresses and counts. */
export const plus = operation(0x6a);
export const minus = operation(0x6b);
export const times = operation(0x6c);

/** Of vectors of four float32. */
export const add = vector(0xe4);
export const sub = vector(0xe5);
export const mul = vector(0xe6);
/** The same number four times. */
export function constant(value: number): Code {
  return vector(0x13)([0x43, ...new Uint8Array(Float32Array.of(value).buffer)]);
}

/** Lanes 0..3 are of the first vector, 4..7 of the second. */
export function shuffle(first: Code, second: Code, lanes: readonly number[]): Code {
  const bytes = lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]);
  return [...first, ...second, 0xfd, 0x0d, ...bytes];
}

/** Addresses are multiples of 4. */
export const load = (at: Code, offset = 0): Code => [...at, 0xfd, 0x00, 2, ...unsigned(offset)];
export const store = (at: Code, value: Code, offset = 0): Code => [...at, ...value, 0xfd, 0x0b, 2, ...unsigned(offset)];
/** One number from memory, four times. */
export const loadSpread = (at: Code): Code => [...at, 0xfd, 0x09, 2, 0];
export const loadInteger = (at: Code): Code => [...at, 0x28, 2, 0];
export const loadOne = (at: Code): Code => [...at, 0x2a, 2, 0];
export const storeOne = (at: Code, value: Code, offset = 0): Code => [...at, ...value, 0x38, 2, ...unsigned(offset)];
/** The four numbers of a vector, added up. */
export function sum({ get }: Local): Code {
  const lane = (index: number): Code => [...get, 0xfd, 0x1f, index];
  const both = (one: Code, other: Code): Code => [...one, ...other, 0x92];
  return both(both(lane(0), lane(1)), both(lane(2), lane(3)));
}

export interface Local {
  readonly get: Code;
  set(value: Code): Code;
}

const local = (index: number): Local => ({
  get: [0x20, ...unsigned(index)],
  set: (value) => [...value, 0x21, ...unsigned(index)],
});

/** Names to its locals, as the body of a kernel asks for them. */
export class Locals {
  readonly types: Type[] = [];
  readonly #parameters: number;

  constructor(parameters: number) {
    this.#parameters = parameters;
  }

  #new(type: Type): Local {
    this.types.push(type);
    return local(this.#parameters + this.types.length - 1);
  }

  integer(): Local {
    return this.#new('i32');
  }

  vector(): Local {
    return this.#new('v128');
  }
}

/** At least once: `body` while `at` goes from 0 to below `limit` by `step`. */
export function each(at: Local, limit: Code, step: number, body: Code): Code {
  const next = at.set(plus(at.get, integer(step)));
  return [...at.set(integer(0)), 0x03, 0x40, ...body, ...next, ...at.get, ...limit, 0x48, 0x0d, 0, 0x0b];
}

export interface Kernel {
  readonly name: string;
  readonly parameters: number;
  readonly locals: readonly Type[];
  readonly body: Code;
}

/** A function of so many integers, without a result; `write` gets them. Other numbers would be boxed for each call. */
export function kernel(
  name: string,
  parameters: number,
  write: (parameters: Local[], locals: Locals) => Code[],
): Kernel {
  const locals = new Locals(parameters);
  const body = write(
    Array.from({ length: parameters }, (_, index) => local(index)),
    locals,
  ).flat();
  return { name, parameters, locals: locals.types, body };
}

/** A module of these functions over a memory that it is given as `a.m`. */
export function assemble(kernels: readonly Kernel[]): Uint8Array<ArrayBuffer> {
  const list = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
  const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];
  const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
  const types = kernels.map(({ parameters }) => [0x60, ...list(new Array<number[]>(parameters).fill([TYPES.i32])), 0]);
  const bodies = kernels.map(({ locals, body }) => {
    const code = [...list(locals.map((type) => [1, TYPES[type]])), ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(types)),
    ...section(2, list([[...name('a'), ...name('m'), 2, 0, 1]])),
    ...section(3, list(kernels.map((_, index) => unsigned(index)))),
    ...section(7, list(kernels.map((one, index) => [...name(one.name), 0, ...unsigned(index)]))),
    ...section(10, list(bodies)),
  ]);
}

export interface Memory {
  readonly buffer: ArrayBuffer;
}

/** As far as it is used here: TypeScript knows it of browsers alone. */
export const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Memory: new (pages: { initial: number; maximum: number }) => Memory;
    Module: new (bytes: Uint8Array) => object;
    Instance: new (module: object, imports: object) => { readonly exports: unknown };
  };
};
