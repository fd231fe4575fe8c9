/**
 * The inner loops of the echo canceller and of resampling, four numbers at a time. Arguments are addresses of float32; `bytes` is what one spectrum takes, a multiple of 16, and `runs` how many of them lie behind one another, at least one.
 */
import {
  add,
  assemble,
  type Code,
  constant,
  each,
  integer,
  type Kernel,
  kernel,
  type Local,
  type Locals,
  load,
  loadInteger,
  loadOne,
  loadSpread,
  type Memory,
  minus,
  mul,
  plus,
  shuffle,
  store,
  storeOne,
  sub,
  sum,
  times,
  WebAssembly,
} from './wasm.ts';

const vectors = (locals: Locals, count: number): Local[] => Array.from({ length: count }, () => locals.vector());
const advance = (locals: readonly Local[], by: Code): Code => locals.flatMap((one) => one.set(plus(one.get, by)));

/** out += x w, complex; `out` stays where it is. */
const multiply = kernel('multiply', 8, (parameters, locals) => {
  const [runs, bytes, xRe, xIm, wRe, wIm, outRe, outIm] = parameters;
  const [run, i] = [locals.integer(), locals.integer()];
  const [a, b, c, d] = vectors(locals, 4);
  const at = (base: Local): Code => plus(base.get, i.get);
  const inner = [
    a.set(load(at(xRe))),
    b.set(load(at(xIm))),
    c.set(load(at(wRe))),
    d.set(load(at(wIm))),
    store(at(outRe), add(load(at(outRe)), sub(mul(a.get, c.get), mul(b.get, d.get)))),
    store(at(outIm), add(load(at(outIm)), add(mul(a.get, d.get), mul(b.get, c.get)))),
  ].flat();
  return [each(run, runs.get, 1, [...each(i, bytes.get, 16, inner), ...advance([xRe, xIm, wRe, wIm], bytes.get)])];
});

/** out += |x|² u; `out` stays where it is. */
const weigh = kernel('weigh', 6, (parameters, locals) => {
  const [runs, bytes, xRe, xIm, u, out] = parameters;
  const [run, i] = [locals.integer(), locals.integer()];
  const [a, b] = vectors(locals, 2);
  const at = (base: Local): Code => plus(base.get, i.get);
  const inner = [
    a.set(load(at(xRe))),
    b.set(load(at(xIm))),
    store(at(out), add(load(at(out)), mul(add(mul(a.get, a.get), mul(b.get, b.get)), load(at(u))))),
  ].flat();
  return [each(run, runs.get, 1, [...each(i, bytes.get, 16, inner), ...advance([xRe, xIm, u], bytes.get)])];
});

/** w += u x* e; u = u (1 - u gain |x|²) + wander |w|². `e` and `gain` stay where they are; `wander`: a vector. */
const correct = kernel('correct', 11, (parameters, locals) => {
  const [runs, bytes, xRe, xIm, wRe, wIm, u, eRe, eIm, gain, wander] = parameters;
  const [run, i] = [locals.integer(), locals.integer()];
  const [a, b, uncertain, ua, ub, re, im, wanders] = vectors(locals, 8);
  const at = (base: Local): Code => plus(base.get, i.get);
  const one = constant(1);
  const inner = [
    a.set(load(at(xRe))),
    b.set(load(at(xIm))),
    uncertain.set(load(at(u))),
    ua.set(mul(uncertain.get, a.get)),
    ub.set(mul(uncertain.get, b.get)),
    re.set(add(load(at(wRe)), add(mul(ua.get, load(at(eRe))), mul(ub.get, load(at(eIm)))))),
    im.set(add(load(at(wIm)), sub(mul(ua.get, load(at(eIm))), mul(ub.get, load(at(eRe)))))),
    store(at(wRe), re.get),
    store(at(wIm), im.get),
    store(
      at(u),
      add(
        mul(uncertain.get, sub(one, mul(load(at(gain)), add(mul(ua.get, a.get), mul(ub.get, b.get))))),
        mul(wanders.get, add(mul(re.get, re.get), mul(im.get, im.get))),
      ),
    ),
  ].flat();
  return [
    wanders.set(load(wander.get)),
    each(run, runs.get, 1, [...each(i, bytes.get, 16, inner), ...advance([xRe, xIm, wRe, wIm, u], bytes.get)]),
  ];
});

/** c += rate (d x* - c). `d` stays where it is; `rate`: a vector. */
const correlate = kernel('correlate', 9, (parameters, locals) => {
  const [runs, bytes, xRe, xIm, cRe, cIm, dRe, dIm, rate] = parameters;
  const [run, i] = [locals.integer(), locals.integer()];
  const [a, b, c, d, rates] = vectors(locals, 5);
  const at = (base: Local): Code => plus(base.get, i.get);
  const towards = (base: Local, goal: Code): Code =>
    store(at(base), add(load(at(base)), mul(rates.get, sub(goal, load(at(base))))));
  const inner = [
    a.set(load(at(xRe))),
    b.set(load(at(xIm))),
    c.set(load(at(dRe))),
    d.set(load(at(dIm))),
    towards(cRe, add(mul(c.get, a.get), mul(d.get, b.get))),
    towards(cIm, sub(mul(d.get, a.get), mul(c.get, b.get))),
  ].flat();
  return [
    rates.set(load(rate.get)),
    each(run, runs.get, 1, [...each(i, bytes.get, 16, inner), ...advance([xRe, xIm, cRe, cIm], bytes.get)]),
  ];
});

type Complex = readonly [Local, Local];
const complex = (locals: Locals): Complex => [locals.vector(), locals.vector()];
const get = ([re, im]: Complex): [Code, Code] => [re.get, im.get];
const set = ([re, im]: Complex, [newRe, newIm]: readonly [Code, Code]): Code => [...re.set(newRe), ...im.set(newIm)];
const added = (a: readonly [Code, Code], b: readonly [Code, Code]): [Code, Code] => [add(a[0], b[0]), add(a[1], b[1])];
const less = (a: readonly [Code, Code], b: readonly [Code, Code]): [Code, Code] => [sub(a[0], b[0]), sub(a[1], b[1])];
/** Times -i. */
const turned = ([re, im]: readonly [Code, Code]): [Code, Code] => [im, mul(constant(-1), re)];
const scaled = ([re, im]: readonly [Code, Code], by: number): [Code, Code] => [
  mul(re, constant(by)),
  mul(im, constant(by)),
];
/** Times cos - i sin. */
const twisted = ([re, im]: readonly [Code, Code], [cos, sin]: readonly [Code, Code]): [Code, Code] => [
  add(mul(re, cos), mul(im, sin)),
  sub(mul(im, cos), mul(re, sin)),
];

const COS5 = Math.cos((2 * Math.PI) / 5);
const SIN5 = Math.sin((2 * Math.PI) / 5);
const COS5_2 = Math.cos((4 * Math.PI) / 5);
const SIN5_2 = Math.sin((4 * Math.PI) / 5);
const SIN3 = Math.sin((2 * Math.PI) / 3);

/** The transform of `inputs.length` points, in place. */
function butterfly(inputs: readonly Complex[], locals: Locals): Code {
  const [a, b, c, d, e] = inputs;
  const [s, t, u, v] = [complex(locals), complex(locals), complex(locals), complex(locals)];
  switch (inputs.length) {
    case 2:
      return [...set(s, less(get(a), get(b))), ...set(a, added(get(a), get(b))), ...set(b, get(s))];
    case 3:
      return [
        ...set(s, added(get(b), get(c))),
        ...set(t, turned(scaled(less(get(b), get(c)), SIN3))),
        ...set(u, less(get(a), scaled(get(s), 0.5))),
        ...set(a, added(get(a), get(s))),
        ...set(b, added(get(u), get(t))),
        ...set(c, less(get(u), get(t))),
      ];
    case 4:
      return [
        ...set(s, added(get(a), get(c))),
        ...set(t, less(get(a), get(c))),
        ...set(u, added(get(b), get(d))),
        ...set(v, turned(less(get(b), get(d)))),
        ...set(a, added(get(s), get(u))),
        ...set(b, added(get(t), get(v))),
        ...set(c, less(get(s), get(u))),
        ...set(d, less(get(t), get(v))),
      ];
    default: {
      const [first, second] = [complex(locals), complex(locals)];
      return [
        ...set(s, added(get(b), get(e))),
        ...set(t, less(get(b), get(e))),
        ...set(u, added(get(c), get(d))),
        ...set(v, less(get(c), get(d))),
        ...set(first, added(get(a), added(scaled(get(s), COS5), scaled(get(u), COS5_2)))),
        ...set(second, added(get(a), added(scaled(get(s), COS5_2), scaled(get(u), COS5)))),
        ...set(a, added(get(a), added(get(s), get(u)))),
        ...set(s, turned(added(scaled(get(t), SIN5), scaled(get(v), SIN5_2)))),
        ...set(u, turned(less(scaled(get(t), SIN5_2), scaled(get(v), SIN5)))),
        ...set(b, added(get(first), get(s))),
        ...set(e, less(get(first), get(s))),
        ...set(c, added(get(second), get(u))),
        ...set(d, less(get(second), get(u))),
      ];
    }
  }
}

/** Twiddles 1, 2 .. from the first one. */
function powers(count: number, first: readonly [Code, Code], locals: Locals): { twiddles: Complex[]; code: Code } {
  const twiddles: Complex[] = [];
  const code: number[] = [];
  for (let power = 1; power < count; power++) {
    const twiddle = complex(locals);
    const before = twiddles.at(-1);
    const [cos, sin] = first;
    const next: readonly [Code, Code] =
      before === undefined
        ? first
        : [
            sub(mul(before[0].get, twiddles[0][0].get), mul(before[1].get, twiddles[0][1].get)),
            add(mul(before[1].get, twiddles[0][0].get), mul(before[0].get, twiddles[0][1].get)),
          ];
    code.push(...set(twiddle, before === undefined ? [cos, sin] : next));
    twiddles.push(twiddle);
  }
  return { twiddles, code };
}

/**
 * One pass of Stockham's transform, for strides of 4 and more: `groups` of `radix` spectra that lie `groups` strides apart, of
 * `bytes` each, become neighbours in `b`. `cos` and `sin`: of all angles of the whole transform.
 */
const pass = (radix: number): Kernel =>
  kernel(`pass${radix}`, 8, (parameters, locals) => {
    const [groups, bytes, aRe, aIm, bRe, bIm, cos, sin] = parameters;
    const [group, i, step] = [locals.integer(), locals.integer(), locals.integer()];
    const inputs = Array.from({ length: radix }, () => complex(locals));
    const { twiddles, code } = powers(radix, [loadSpread(cos.get), loadSpread(sin.get)], locals);
    const from = (base: Local, leg: number): Code => load(plus(base.get, plus(i.get, times(step.get, integer(leg)))));
    const to = (base: Local, leg: number): Code => plus(base.get, plus(i.get, times(bytes.get, integer(leg))));
    const inner = [
      ...inputs.flatMap((input, leg) => set(input, [from(aRe, leg), from(aIm, leg)])),
      ...butterfly(inputs, locals),
      ...inputs.flatMap((input, leg) => {
        const [re, im] = leg === 0 ? get(input) : twisted(get(input), get(twiddles[leg - 1]));
        return [...store(to(bRe, leg), re), ...store(to(bIm, leg), im)];
      }),
    ];
    return [
      step.set(times(groups.get, bytes.get)),
      each(group, groups.get, 1, [
        ...code,
        ...each(i, bytes.get, 16, inner),
        ...advance([aRe, aIm, cos, sin], bytes.get),
        ...advance([bRe, bIm], times(bytes.get, integer(radix))),
      ]),
    ];
  });

const EVEN = [0, 2, 4, 6];
const ODD = [1, 3, 5, 7];
const REVERSED = [3, 2, 1, 0];

/** The first pass, of four, at stride 1: `time` holds re, im, re, im .., each leg is `bytes` of re long. */
const begin = kernel('begin', 6, (parameters, locals) => {
  const [bytes, time, bRe, bIm, cos, sin] = parameters;
  const i = locals.integer();
  const inputs = Array.from({ length: 4 }, () => complex(locals));
  const [low, high] = [locals.vector(), locals.vector()];
  const at = (base: Local): Code => plus(base.get, i.get);
  const { twiddles, code } = powers(4, [load(at(cos)), load(at(sin))], locals);
  /** Row by row what came column by column. */
  const transposed = (base: Local, part: 0 | 1): Code => {
    const [r0, r1, r2, r3] = inputs.map((input) => input[part].get);
    const to = plus(base.get, times(i.get, integer(4)));
    return [
      ...low.set(shuffle(r0, r1, [0, 4, 1, 5])),
      ...high.set(shuffle(r2, r3, [0, 4, 1, 5])),
      ...store(to, shuffle(low.get, high.get, [0, 1, 4, 5])),
      ...store(to, shuffle(low.get, high.get, [2, 3, 6, 7]), 16),
      ...low.set(shuffle(r0, r1, [2, 6, 3, 7])),
      ...high.set(shuffle(r2, r3, [2, 6, 3, 7])),
      ...store(to, shuffle(low.get, high.get, [0, 1, 4, 5]), 32),
      ...store(to, shuffle(low.get, high.get, [2, 3, 6, 7]), 48),
    ];
  };
  const inner = [
    ...code,
    ...inputs.flatMap((input, leg) => {
      const from = plus(time.get, times(integer(2), plus(i.get, times(bytes.get, integer(leg)))));
      const [re, im] = [shuffle(low.get, high.get, EVEN), shuffle(low.get, high.get, ODD)];
      return [...low.set(load(from)), ...high.set(load(from, 16)), ...set(input, [re, im])];
    }),
    ...butterfly(inputs, locals),
    ...inputs.slice(1).flatMap((input, leg) => {
      const [re, im] = twisted(get(input), get(twiddles[leg]));
      return [...low.set(re), ...input[1].set(im), ...input[0].set(low.get)];
    }),
    ...transposed(bRe, 0),
    ...transposed(bIm, 1),
  ];
  return [each(i, bytes.get, 16, inner)];
});

/** From the transform of even samples as re and odd ones as im to the spectrum; `half`: bytes of one, `bytes`: of the other. */
const part = kernel('part', 8, (parameters, locals) => {
  const [half, bytes, zRe, zIm, re, im, cos, sin] = parameters;
  const i = locals.integer();
  const [a, b, ra, rb, evenRe, evenIm, oddRe, oddIm, c, s] = vectors(locals, 10);
  const at = (base: Local): Code => plus(base.get, i.get);
  const back = (base: Local): Code => {
    const from = load(minus(plus(base.get, half.get), plus(i.get, integer(12))));
    return shuffle(from, from, REVERSED);
  };
  const halved = (value: Code): Code => mul(value, constant(0.5));
  const inner = [
    a.set(load(at(zRe))),
    b.set(load(at(zIm))),
    ra.set(back(zRe)),
    rb.set(back(zIm)),
    c.set(load(at(cos))),
    s.set(load(at(sin))),
    evenRe.set(halved(add(a.get, ra.get))),
    evenIm.set(halved(sub(b.get, rb.get))),
    oddRe.set(halved(add(b.get, rb.get))),
    oddIm.set(halved(sub(ra.get, a.get))),
    store(at(re), add(evenRe.get, add(mul(c.get, oddRe.get), mul(s.get, oddIm.get)))),
    store(at(im), add(evenIm.get, sub(mul(c.get, oddIm.get), mul(s.get, oddRe.get)))),
  ].flat();
  const end = (base: Local): Code => storeOne(plus(base.get, half.get), loadOne(base.get));
  // It is periodic: what lies behind its end is its beginning.
  return [end(zRe), end(zIm), each(i, bytes.get, 16, inner)];
});

/** The way back, into re, im, re, im ..; re and im change places, which turns the forward transform into the inverse; `scale`: a vector. */
const join = kernel('join', 7, (parameters, locals) => {
  const [half, re, im, out, cos, sin, scale] = parameters;
  const i = locals.integer();
  const [a, b, ra, rb, sumIm, differenceIm, differenceRe, c, s, p, q, scales] = vectors(locals, 12);
  const at = (base: Local): Code => plus(base.get, i.get);
  const back = (base: Local): Code => {
    const from = load(minus(plus(base.get, half.get), plus(i.get, integer(12))));
    return shuffle(from, from, REVERSED);
  };
  const to = plus(out.get, times(i.get, integer(2)));
  const inner = [
    a.set(load(at(re))),
    b.set(load(at(im))),
    ra.set(back(re)),
    rb.set(back(im)),
    c.set(load(at(cos))),
    s.set(load(at(sin))),
    sumIm.set(sub(b.get, rb.get)),
    differenceRe.set(sub(a.get, ra.get)),
    differenceIm.set(add(b.get, rb.get)),
    p.set(mul(scales.get, sub(add(a.get, ra.get), add(mul(c.get, differenceIm.get), mul(s.get, differenceRe.get))))),
    q.set(mul(scales.get, add(sumIm.get, sub(mul(c.get, differenceRe.get), mul(s.get, differenceIm.get))))),
    store(to, shuffle(q.get, p.get, [0, 4, 1, 5])),
    store(to, shuffle(q.get, p.get, [2, 6, 3, 7]), 16),
  ].flat();
  return [scales.set(load(scale.get)), each(i, half.get, 16, inner)];
});

/** out = im, re, im, re ..: see `join`. */
const weave = kernel('weave', 4, (parameters, locals) => {
  const [half, re, im, out] = parameters;
  const i = locals.integer();
  const [a, b] = vectors(locals, 2);
  const to = plus(out.get, times(i.get, integer(2)));
  const inner = [
    a.set(load(plus(re.get, i.get))),
    b.set(load(plus(im.get, i.get))),
    store(to, shuffle(b.get, a.get, [0, 4, 1, 5])),
    store(to, shuffle(b.get, a.get, [2, 6, 3, 7]), 16),
  ].flat();
  return [each(i, half.get, 16, inner)];
});

/**
 * Rows of a filter over stretches of sound, their sums into `out`: `at` and `row` hold the addresses of both for each of `count`
 * numbers; a row is `bytes` long, a multiple of 32. With `share`: so far on from there to the next row.
 */
const rows = (name: string, between: boolean): Kernel =>
  kernel(name, between ? 6 : 5, (parameters, locals) => {
    const [count, bytes, at, row, out, share = out] = parameters;
    const [n, k, x, w] = [locals.integer(), locals.integer(), locals.integer(), locals.integer()];
    const [sum0, sum1, next0, next1, a] = vectors(locals, 5);
    const more = (to: Local, offset: number, beyond: Code): Code =>
      to.set(add(to.get, mul(a.get, load(plus(plus(w.get, k.get), beyond), offset))));
    const half = (to: Local, next: Local, offset: number): Code => [
      ...a.set(load(plus(x.get, k.get), offset)),
      ...more(to, offset, integer(0)),
      ...(between ? more(next, offset, bytes.get) : []),
    ];
    const total = sum(sum0);
    const blended = [
      ...sum1.set(loadSpread(share.get)),
      ...next0.set(add(next0.get, next1.get)),
      ...sum0.set(add(sum0.get, mul(sum1.get, sub(next0.get, sum0.get)))),
    ];
    const one = [
      ...x.set(loadInteger(at.get)),
      ...w.set(loadInteger(row.get)),
      ...[sum0, sum1, ...(between ? [next0, next1] : [])].flatMap((local) => local.set(constant(0))),
      ...each(k, bytes.get, 32, [...half(sum0, next0, 0), ...half(sum1, next1, 16)]),
      ...sum0.set(add(sum0.get, sum1.get)),
      ...(between ? blended : []),
      ...storeOne(out.get, total),
      ...advance([at, row, out, ...(between ? [share] : [])], integer(4)),
    ];
    return [each(n, count.get, 1, one)];
  });

const all = [
  multiply,
  weigh,
  correct,
  correlate,
  pass(2),
  pass(3),
  pass(4),
  pass(5),
  begin,
  part,
  join,
  weave,
  rows('single', false),
  rows('between', true),
];

export type Kernels = Readonly<Record<string, (...parameters: number[]) => void>>;

let compiled: object | undefined;

/** The kernels over `memory`. Throws `CompileError` where the processor has no vectors. */
export function kernelsOver(memory: Memory): Kernels {
  compiled ??= new WebAssembly.Module(assemble(all));
  return new WebAssembly.Instance(compiled, { a: { m: memory } }).exports as Kernels;
}
