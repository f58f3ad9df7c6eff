import type { Device } from '../src/gpu/device.ts';
import { type Schedule, timeSchedule } from '../src/gpu/schedule.ts';
import { BufferPool, download, type Tensor } from '../src/gpu/tensor.ts';
import { denseBackwardInput, denseBackwardWeight, denseForward } from '../src/kernels/dense.ts';
import { type GemmVariant, supportedVariants } from '../src/kernels/gemm.ts';
import { uniformNumbers } from '../src/nn/random.ts';
import { type Layout, type ModelConfig, type Product, productFlops, productsOfStep } from './arithmetic.ts';
import { median, significant } from './statistics.ts';

/** How fast one matrix product is with one variant of the kernels. */
export interface GemmResult {
  layout: Layout;
  variant: string;
  M: number;
  N: number;
  K: number;
  /** Where the model needs it, or `square`. */
  use: string;
  ms: number;
  gflops: number;
}

const LAYOUTS: readonly Layout[] = ['NT', 'NN', 'TN'];
const SQUARES = [256, 512, 1024, 2048, 4096];
/** A square that would take longer is left out. */
const LONGEST_MS = 2000;
const ROUNDS = 5;
/** In one submission. On a GPU these are a few milliseconds of a small product, enough for its clock to rise. */
const MAX_REPEATS = 5000;
/** Elements of each product that are compared with sums in float64. */
const CHECKED_ELEMENTS = 32;

/** The model's own products and squares, in every layout and variant that the device has, each checked for its result. */
export async function measureGemms(
  device: Device,
  model: ModelConfig & { batch: number; imageSize: number },
  budgetMs: number,
): Promise<GemmResult[]> {
  const results: GemmResult[] = [];
  const products = withoutRepetitions(productsOfStep(model, model.batch, model.imageSize));
  for (const variant of supportedVariants(device)) {
    for (const product of products) results.push(await measureGemm(device, product, variant, budgetMs));
    for (const layout of LAYOUTS) {
      let last: GemmResult | undefined;
      for (const n of SQUARES) {
        if (last && last.ms * (n / last.N) ** 3 > LONGEST_MS) break;
        last = await measureGemm(device, { layout, M: n, N: n, K: n, use: 'square' }, variant, budgetMs);
        results.push(last);
      }
    }
  }
  return results;
}

function withoutRepetitions(products: readonly Product[]): Product[] {
  const byShape = new Map<string, Product>();
  for (const product of products) {
    const { layout, M, N, K, use } = product;
    const key = [layout, M, N, K].join(' ');
    const known = byShape.get(key);
    if (known) known.use += `, ${use}`;
    else byShape.set(key, { ...product });
  }
  return [...byShape.values()];
}

/**
 * Times one product and checks elements of its result.
 * @param budgetMs about how long the repetitions may take together; one that takes longer is done a few times still
 * @throws Error naming the element that is wrong
 */
export async function measureGemm(
  device: Device,
  product: Product,
  variant: GemmVariant,
  budgetMs: number,
): Promise<GemmResult> {
  const { layout, M, N, K, use } = product;
  const label = `${layout} ${M}x${N}x${K} ${variant}`;
  const pool = new BufferPool(device);
  try {
    const numbers = { a: patternedNumbers(M * K, 0), b: patternedNumbers(N * K, 1) };
    const { schedule, out } = await device.checked(label, () => planProduct(pool, product, numbers, variant));
    await timeSchedule(device, schedule, 1, 0);
    const once = await timeSchedule(device, schedule, 1, 0);
    checkSample(label, product, numbers, await download(device, out));
    const repeatsFor = (ms: number) => Math.max(1, Math.min(MAX_REPEATS, Math.round(budgetMs / ROUNDS / ms)));
    // One run is mostly waiting if it is short: how long many take says more.
    const few = Math.min(100, repeatsFor(once));
    const shorter = few === 1 ? once : (await timeSchedule(device, schedule, few, 0)) / few;
    const repeats = repeatsFor(shorter);
    if (repeats > few) await timeSchedule(device, schedule, repeats, 0.7 * shorter * repeats);
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      // Sleeping through most of the shortest time so far: a first sample that was slow must not slow the others.
      const sleepMs = 0.7 * Math.min(shorter, ...times) * repeats;
      times.push((await timeSchedule(device, schedule, repeats, sleepMs)) / repeats);
    }
    const ms = median(times);
    const gflops = significant(productFlops(product) / ms / 1e6);
    return { layout, variant, M, N, K, use, ms: significant(ms), gflops };
  } finally {
    pool.dispose();
  }
}

/** The product as the operation of a dense layer that is nothing else: without activation, its bias zero. */
function planProduct(
  pool: BufferPool,
  { layout, M, N, K }: Product,
  numbers: { a: Float32Array; b: Float32Array },
  variant: GemmVariant,
): { schedule: Schedule; out: Tensor } {
  const a = (rows: number, columns: number) => pool.tensor('a', [rows, columns], { data: numbers.a });
  const b = (rows: number, columns: number) => pool.tensor('b', [rows, columns], { data: numbers.b });
  const out = pool.tensor('out', [M, N]);
  switch (layout) {
    case 'NT': {
      const tensors = { inp: a(M, K), weight: b(N, K), bias: pool.tensor('bias', [N]), out };
      return { schedule: denseForward(pool, tensors, { variants: variant }), out };
    }
    case 'NN': {
      const tensors = { dout: a(M, K), weight: b(K, N), inp: pool.tensor('inp', [M, N]), dinp: out };
      return { schedule: denseBackwardInput(pool, tensors, { variants: variant }), out };
    }
    case 'TN': {
      const tensors = { dout: a(K, M), inp: b(K, N), dweight: out, dbias: pool.tensor('dbias', [M]) };
      return { schedule: denseBackwardWeight(pool, tensors, { variants: variant }), out };
    }
  }
}

/** A prime below 2^20, so that no row of a matrix repeats another. */
const PERIOD = 1_048_573;
const patterns = new Map<number, Float32Array>();

/** Numbers from [-1, 1); long arrays repeat them, because drawing millions takes longer than multiplying them. */
function patternedNumbers(length: number, part: number): Float32Array {
  let pattern = patterns.get(part);
  if (!pattern) {
    pattern = uniformNumbers(PERIOD, 0, part).map((u) => 2 * u - 1);
    patterns.set(part, pattern);
  }
  if (length <= PERIOD) return pattern.subarray(0, length);
  const numbers = new Float32Array(length);
  for (let at = 0; at < length; at += PERIOD) numbers.set(pattern.subarray(0, Math.min(PERIOD, length - at)), at);
  return numbers;
}

/**
 * Compares elements spread over the product with sums in float64. A sum of K products in f32 in any order is off by at most
 * K + 1 roundings of the sum of magnitudes.
 * @throws Error naming the element if one is further off
 */
function checkSample(
  label: string,
  { layout, M, N, K }: Product,
  { a, b }: { a: Float32Array; b: Float32Array },
  out: Float32Array,
): void {
  for (let sample = 0; sample < CHECKED_ELEMENTS; sample++) {
    // The last element first, then steps of a prime through it: rows and columns of every kind of tile.
    const index = (M * N - 1 + sample * 7919) % (M * N);
    const row = Math.floor(index / N);
    const column = index % N;
    let expected = 0;
    let magnitude = 0;
    for (let k = 0; k < K; k++) {
      const term =
        a[layout === 'TN' ? k * M + row : row * K + k]! * b[layout === 'NT' ? column * K + k : k * N + column]!;
      expected += term;
      magnitude += Math.abs(term);
    }
    const tolerance = (K + 1) * 2 ** -23 * magnitude;
    if (!(Math.abs(out[index]! - expected) <= tolerance)) {
      throw new Error(
        `measure gemm: ${label} at (${row}, ${column}) is ${out[index]}, expected ${expected} ± ${tolerance}: run the accuracy tests`,
      );
    }
  }
}
