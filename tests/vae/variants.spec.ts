import { Device } from '../../src/gpu/device.ts';
import { chosenVariant, defaultVariant, problemKey, supportedVariants } from '../../src/kernels/gemm.ts';
import { tuneGemm } from '../../src/kernels/tune.ts';
import { runnableVariants, type TuningStore, tunedVariants } from '../../src/train/variants.ts';
import { vaeProblems } from '../../src/vae/model.ts';
import { Vae } from '../../src/vae/vae.ts';
import { tinyData } from '../reliability/tiny-data.ts';
import { expect, test } from '../support/fixtures.ts';

const config = { hidden: [24, 12], latent: 3, batch: 20 };
const problems = vaeProblems(config, 16);

/** A store in memory that counts. */
function memoryStore(text?: string): TuningStore & { text: string | undefined; writes: number } {
  return {
    text,
    writes: 0,
    async read() {
      return this.text;
    },
    async write(next) {
      this.text = next;
      this.writes++;
    },
  };
}

test("a model's problems are all dense operations of a step", () => {
  expect(problems.map(problemKey)).toEqual([
    'forward 20x16x24',
    'backward weight 20x16x24',
    'forward 20x24x12',
    'backward 20x24x12',
    'forward 20x12x6',
    'backward 20x12x6',
    'forward 20x3x12',
    'backward 20x3x12',
    'forward 20x12x24',
    'backward 20x12x24',
    'loss 20x24x16',
    'backward 20x24x16',
  ]);
});

test('every problem gets an answer, measured with time and the default without', async ({ device }) => {
  const measured = await tuneGemm(device, problems, { budgetMs: Number.POSITIVE_INFINITY });
  expect(Object.keys(measured.variants).sort()).toEqual(problems.map(problemKey).sort());
  for (const { problem, chosen, candidates } of measured.problems) {
    expect(candidates.length, problemKey(problem)).toBeGreaterThan(0);
    expect(candidates.map(({ choice }) => choice)).toContain(chosen);
    for (const { ms } of candidates) expect(ms).toBeGreaterThan(0);
  }
  const hurried = await tuneGemm(device, problems, { budgetMs: 0 });
  expect(hurried.problems.flatMap(({ candidates }) => candidates)).toEqual([]);
  expect(new Set(Object.values(hurried.variants))).toEqual(new Set([supportedVariants(device)[0]]));
});

test('what the time does not suffice for keeps the default: the smaller problems', async ({ device }) => {
  // A clock that is looked at before each measurement, and then has moved on by one.
  let time = 0;
  const { problems: tuned } = await tuneGemm(device, problems, { budgetMs: 3, now: () => time++ });
  const [largest, ...others] = tuned;
  expect(largest?.candidates).toHaveLength(Math.min(2, supportedVariants(device).length));
  expect(others.flatMap(({ candidates }) => candidates)).toEqual([]);
  for (const { problem, chosen } of others) expect(chosen).toBe(defaultVariant(device, problem));
});

test('what is too slow for one problem is tried where it is the default', async ({ device }) => {
  const large = { operation: 'forward', B: 128, C: 512, OC: 256 } as const;
  const small = { operation: 'forward', B: 128, C: 2, OC: 256 } as const;
  const { problems: tuned } = await tuneGemm(device, [large, small], { budgetMs: Number.POSITIVE_INFINITY });
  for (const { problem, candidates } of tuned) expect(candidates[0]?.choice).toBe(defaultVariant(device, problem));
});

test('a large layer is measured with one dispatch for both gradients and with two', async ({ device }) => {
  const { problems: tuned, variants } = await tuneGemm(device, [{ operation: 'backward', B: 20, C: 128, OC: 256 }], {
    budgetMs: Number.POSITIVE_INFINITY,
  });
  expect(Object.keys(variants).sort()).toEqual([
    'backward 20x128x256',
    'backward input 20x128x256',
    'backward weight 20x128x256',
  ]);
  const both = tuned.find(({ problem }) => problem.operation === 'backward');
  expect(both?.candidates.map(({ choice }) => choice)).toContain('split');
});

test("a GPU, whose subgroups are not a software adapter's, is tuned and trained with tiles", async ({ device }) => {
  const host = { idle: (ms: number) => device.idle(ms), languageFeatures: device.languageFeatures, dispose: () => {} };
  const gpu = new Device(device.handle, device.info, { min: 32, max: 32 }, host);
  const large = { hidden: [128], latent: 2, batch: 20 };
  const data = tinyData(200, 12, 12);
  const { variants } = await tunedVariants(gpu, vaeProblems(large, 144), {
    store: memoryStore(),
    budgetMs: Number.POSITIVE_INFINITY,
  });
  const chosen = Object.entries(variants).filter(([, variant]) => variant !== 'split');
  expect(chosen.length).toBeGreaterThan(0);
  for (const [key, variant] of chosen) expect(variant, key).toMatch(/^tile_/);
  const vae = await Vae.create(gpu, data, { ...large, epochs: 1 }, { variants });
  try {
    expect((await vae.train()).finished).toBe(true);
  } finally {
    vae.dispose();
  }
});

test('operands are read from textures on software adapters only', ({ device }) => {
  const host = { idle: (ms: number) => device.idle(ms), languageFeatures: device.languageFeatures, dispose: () => {} };
  const large = { C: 784, OC: 512 };
  for (const lanes of [4, 8]) {
    const withSoftware = (software: boolean): Device =>
      new Device(device.handle, { ...device.info, software }, { min: lanes, max: lanes }, host);
    expect(defaultVariant(withSoftware(true), large)).toBe('subgroup_texture');
    expect(supportedVariants(withSoftware(false))).not.toContain('subgroup_texture');
    expect(defaultVariant(withSoftware(false), large)).toBe('subgroup');
  }
});

test('answers are remembered for the adapter, measured again only when asked', async ({ device }) => {
  const store = memoryStore();
  const first = await tunedVariants(device, problems, { store });
  expect(first.tuning?.problems.length).toBeGreaterThan(0);
  const second = await tunedVariants(device, problems, { store });
  expect(second).toEqual({ variants: first.variants, tuning: undefined });
  expect(store.writes).toBe(1);
  const wider = await tunedVariants(device, vaeProblems({ ...config, batch: 21 }, 16), { store });
  expect(wider.tuning?.problems.every(({ problem }) => problem.B === 21)).toBe(true);
  await tunedVariants(device, problems, { store, again: true, budgetMs: 1 });
  expect(store.writes).toBe(3);
});

test('what is remembered is followed as far as the adapter can', async ({ device }) => {
  const store = memoryStore();
  await tunedVariants(device, problems, { store, budgetMs: 0 });
  const swapped = store.text!.replace(/"forward 20x16x24": "\w+"/, '"forward 20x16x24": "tile_64x32"');
  const { variants, tuning } = await tunedVariants(device, problems, { store: memoryStore(swapped) });
  expect(tuning).toBe(undefined);
  expect(variants['forward 20x16x24']).toBe('tile_64x32');
  for (const text of ['', '{', 'null', '{"version":0,"adapters":{}}', store.text!.replaceAll('subgroup', 'fastest')]) {
    if (text === store.text) continue;
    const answer = await tunedVariants(device, problems, { store: memoryStore(text), budgetMs: 0 });
    expect(answer.tuning, text).not.toBe(undefined);
  }
});

test('variants that an adapter cannot run are refused as an order and left out of an answer', ({ device }) => {
  const host = { idle: (ms: number) => device.idle(ms), languageFeatures: device.languageFeatures, dispose: () => {} };
  const other = new Device(device.handle, device.info, { min: 4, max: 64 }, host);
  const answers = { a: 'subgroup', b: 'tile_32x32', c: 'split' } as const;
  expect(runnableVariants(other, answers)).toEqual({ b: 'tile_32x32', c: 'split' });
  expect(() => chosenVariant(other, 'subgroup', problems[0]!)).toThrow(
    'gemm: the variant subgroup needs subgroups of one size (4 or 8), this adapter has 4 to 64: use tile_32x32 or tile_64x32 or tile_32x32_split_k',
  );
});

test('a problem that does not fit the device keeps the default', async ({ device }) => {
  const problem = { operation: 'forward', B: 2 ** 16, C: 2 ** 15, OC: 4 } as const;
  const { problems: tuned } = await tuneGemm(device, [problem], { budgetMs: Number.POSITIVE_INFINITY });
  expect(tuned).toEqual([{ problem, chosen: defaultVariant(device, problem), candidates: [] }]);
});

test("a snapshot goes on with its own variants, and another choice does not change a model's own", async ({
  device,
}) => {
  const data = tinyData();
  const settings = { hidden: [8], batch: 4, epochs: 2 };
  const first = await Vae.create(device, data, settings, { variants: 'tile_64x32' });
  await first.advance(2);
  const snapshot = await first.snapshot();
  const second = await Vae.create(device, data, {}, { snapshot });
  try {
    expect(new Set(Object.values(snapshot.variants))).toEqual(new Set(['tile_64x32']));
    expect(second.lastSnapshot.variants).toEqual(snapshot.variants);
    expect(second.lastSnapshot.kernels).toEqual(snapshot.kernels);
  } finally {
    first.dispose();
    second.dispose();
  }
});
