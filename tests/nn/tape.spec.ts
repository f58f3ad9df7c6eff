import { BufferPool } from '../../src/gpu/tensor.ts';
import { dense, denseBernoulli } from '../../src/nn/dense.ts';
import { activation, add } from '../../src/nn/elementwise.ts';
import { squaredError } from '../../src/nn/loss.ts';
import { layOut, type ParameterTable } from '../../src/nn/parameters.ts';
import { reparameterize } from '../../src/nn/reparameterize.ts';
import { OutlineTape, PlanTape, stopGradient, type Tape, type Value } from '../../src/nn/tape.ts';
import { expect, test } from '../support/fixtures.ts';

const images = { rows: 1, columns: 3, channels: 1, classes: 0 };
const B = 2;

function constant(tape: Tape, label: string, shape: readonly number[]): Value {
  return { tensor: tape.tensor(label, shape), relu: false, needsGradient: false };
}

/** Runs `use` over a tape without a device. */
function outline(use: (tape: OutlineTape, x: Value) => void): OutlineTape {
  const tape = new OutlineTape(B, images);
  use(tape, constant(tape, 'x', [B, 3]));
  return tape;
}

function tableOf(use: (tape: Tape, x: Value) => void): ParameterTable {
  return outline(use).outline.table;
}

test('every place for noise draws its own, and ε that is given is of one place', async ({ device }) => {
  const pool = new BufferPool(device);
  try {
    const state = pool.tensor('state', [4], { dtype: 'u32' });
    const buffers = { param: pool.tensor('parameters', [4]) };
    const table = layOut([]);
    const options = { mode: 'evaluate', batch: B, images, pool, table, buffers, state } as const;
    const drawn = new PlanTape({ ...options, noise: { seed: 7, stream: 1 } });
    // The first one as in a model that has no other.
    expect(drawn.noise()).toEqual({ seed: 7, stream: 1 });
    const streams = [drawn.noise(), drawn.noise()].map((noise) => (noise as { stream: number }).stream);
    // Beyond those of every other purpose, and apart from the same places in training.
    expect(streams).toEqual([17, 33]);
    const silent = new PlanTape({ ...options, noise: 'zero' });
    expect([silent.noise(), silent.noise()]).toEqual(['zero', 'zero']);
    const eps = pool.tensor('eps', [1, B, 3]);
    const given = new PlanTape({ ...options, noise: eps });
    expect(given.noise()).toBe(eps);
    expect(() => given.noise()).toThrow('tape: ε was given, and the model has a second place for noise: leave it out');
  } finally {
    pool.dispose();
  }
});

test('a module that is named again is the same one, with the same shapes only', async ({ device }) => {
  const twice = (tape: Tape, x: Value) => dense(tape, dense(tape, x, 3, { name: 'both' }), 3, { name: 'both' });
  const table = tableOf(twice);
  expect(table.entries.map(({ name }) => name)).toEqual(['both.weight', 'both.bias']);
  const message = 'tape: both has weight (4, 3), bias (4), it was weight (3, 3), bias (3): give it another name';
  const other = (tape: Tape, x: Value) => dense(tape, x, 4, { name: 'both' });
  expect(() =>
    outline((tape, x) => {
      twice(tape, x);
      other(tape, x);
    }),
  ).toThrow(message);
  const pool = new BufferPool(device);
  try {
    const state = pool.tensor('state', [4], { dtype: 'u32' });
    const buffers = { param: pool.tensor('parameters', [table.length]) };
    const tape = new PlanTape({ mode: 'infer', batch: B, images, pool, table, buffers, state, noise: 'zero' });
    const x = constant(tape, 'x', [B, 3]);
    expect(() => other(tape, x)).toThrow(message);
    expect(() => dense(tape, x, 3, { name: 'view' })).toThrow(
      'tape: the model has no module view, expected one of both: its loss must use it',
    );
  } finally {
    pool.dispose();
  }
});

test('a loss has one to four terms, each with a name of its own', () => {
  const terms = (names: readonly string[]) =>
    outline((tape, x) => {
      for (const term of names) squaredError(tape, dense(tape, x, 3, { name: 'out' }), x, { term });
    });
  expect(terms(['a', 'b', 'c', 'd']).outline.terms.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
  expect(() => terms(['a', 'b', 'c', 'd', 'e'])).toThrow(
    'tape: e is one loss term more than a, b, c, d, expected at most 4: add some up',
  );
  expect(() => terms(['a', 'a'])).toThrow('tape: a loss term is named a, expected another name than loss, a');
  expect(() => terms(['loss'])).toThrow('tape: a loss term is named loss, expected another name than loss');
});

test('what has no gradient refuses whoever needs one', () => {
  const target = (wrap: (value: Value) => Value) =>
    outline((tape, x) => {
      const goal = wrap(dense(tape, x, 3, { name: 'goal' }));
      denseBernoulli(tape, x, goal, { name: 'out' });
    });
  expect(() => target((value) => value)).toThrow(
    'denseBernoulli: x is goal output, which is computed from parameters, expected a constant, since its gradient is not computed: wrap it in stopGradient',
  );
  expect(target(stopGradient).outline.table.entries).toHaveLength(4);
});

test('shapes that do not fit are errors before there is a device', () => {
  expect(() =>
    outline((tape, x) => {
      add(tape, x, dense(tape, x, 4, { name: 'wide' }));
    }),
  ).toThrow('add: x is (2, 3), wide output (2, 4), expected one shape: nothing is broadcast');
  expect(() => outline((tape) => dense(tape, constant(tape, 'image', [B, 3, 3]), 4, { name: 'flat' }))).toThrow(
    'dense: flat has the input image (2, 3, 3), expected (B, C): flatten it',
  );
  const parts = [
    { name: 'a', rows: 1 },
    { name: 'b', rows: 2 },
  ];
  expect(() => tableOf((tape, x) => dense(tape, x, 4, { name: 'a+b', parts }))).toThrow(
    'parameters: the parts of a+b have 3 rows, weight is (4, 3)',
  );
});

test('an outline knows the parameters, what there is to tune, and the widest tensor', () => {
  const { table, problems, widest } = outline((tape, x) => {
    const h = activation(tape, dense(tape, x, 5, { name: 'first' }), 'silu');
    const z = reparameterize(tape, dense(tape, h, 4, { name: 'heads' }));
    denseBernoulli(tape, z, x, { name: 'last' });
  }).outline;
  expect(table.entries.map(({ name, shape, decay }) => [name, shape, decay])).toEqual([
    ['first.weight', [5, 3], true],
    ['first.bias', [5], false],
    ['heads.weight', [4, 5], true],
    ['heads.bias', [4], false],
    ['last.weight', [3, 2], true],
    ['last.bias', [3], false],
  ]);
  // Parameters begin at multiples of 256 bytes; the gaps are not counted.
  expect(table.entries.map(({ offset }) => offset)).toEqual([0, 64, 128, 192, 256, 320]);
  expect({ length: table.length, count: table.count }).toEqual({ length: 384, count: 53 });
  expect(problems.map(({ operation, C, OC }) => `${operation} ${C}x${OC}`)).toEqual([
    'forward 3x5',
    // Images need no gradient.
    'backward weight 3x5',
    'forward 5x4',
    'backward 5x4',
    'loss 2x3',
    'backward 2x3',
  ]);
  expect(widest).toBe(5);
});
