import type { DataSet, ImageSet } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { runSchedule } from '../gpu/schedule.ts';
import { BufferPool, download, type Tensor, upload } from '../gpu/tensor.ts';
import { packState, type StepState } from '../kernels/finish-step.ts';
import { packImages } from '../kernels/gather.ts';
import type { GemmFamily } from '../kernels/gemm.ts';
import { NOISE_STREAMS, type Noise } from '../kernels/reparameterize.ts';
import { parseConfig, type VaeConfig } from './config.ts';
import { Evaluator } from './evaluator.ts';
import { type Losses, LossMean } from './losses.ts';
import { firstNonFinite, NonFiniteError } from './non-finite.ts';
import {
  flattenParameters,
  initialParameters,
  nameParameters,
  type ParameterTable,
  parameterTable,
} from './parameters.ts';
import { type LossPlan, type ModelTensors, planDecode, planEncode, planTraining } from './plan.ts';
import { normalNumbers } from './random.ts';
import { Replay } from './replay.ts';
import type { NamedTensor } from './safetensors.ts';

export interface Progress {
  /** The epoch being trained, from 1. */
  epoch: number;
  epochs: number;
  /** Steps done. */
  step: number;
  steps: number;
  /** Means over the chunk of steps just done. */
  train: Losses;
  stepsPerSecond: number;
  secondsLeft: number;
}

export interface EpochResult {
  /** The epoch just done, from 1. */
  epoch: number;
  step: number;
  /** Means over the epoch's steps. */
  train: Losses;
  /** Over the whole test set, one z ~ q(z|x) per image, the same noise every time. */
  test: Losses;
  /** Since `train()` began. */
  seconds: number;
}

export interface TrainOptions {
  /** Called after every chunk of steps. */
  onProgress?: (progress: Progress) => void;
  /** Called after every epoch, when the test set has been evaluated; training waits for it. */
  onEpoch?: (result: EpochResult) => void | Promise<void>;
  /** Stops training after the chunks in flight. */
  signal?: AbortSignal;
}

/** For replaying a run that was begun elsewhere, and for tests. */
export interface VaeInternals {
  /** Instead of the seeded initialization. */
  parameters?: NamedTensor[];
  /** Instead of the seeded noise: ε (steps, B, L). */
  eps?: Float32Array;
  /** False: images in their own order. */
  shuffle?: boolean;
  family?: GemmFamily;
  /** How long a submission should take, in ms. */
  chunkMs?: number;
}

const DEFAULT_CHUNK_MS = 60;
/** Images per submission of `encode` and `decode`. */
const INFERENCE_BATCH = 500;

/**
 * A variational autoencoder on the GPU: parameters, optimizer state, the training step, and ways to look at it.
 * Owns its buffers (`dispose()` frees them); the device is the caller's.
 */
export class Vae {
  readonly device: Device;
  readonly config: VaeConfig;
  readonly table: ParameterTable;
  /** D, pixels of an image. */
  readonly imageSize: number;
  /** Steps of the whole training: epochs N / B, rounded up. */
  readonly steps: number;
  #data: DataSet;
  #pool: BufferPool;
  #model!: ModelTensors;
  #plan!: LossPlan;
  #replay!: Replay;
  #evaluator!: Evaluator;
  #step = 0;
  #chunkMs: number;

  private constructor(device: Device, data: DataSet, config: VaeConfig, chunkMs: number) {
    const { count, rows, columns } = data.train;
    this.device = device;
    this.config = config;
    this.imageSize = rows * columns;
    this.table = parameterTable(config, this.imageSize);
    this.steps = Math.ceil((config.epochs * count) / config.batch);
    this.#data = data;
    this.#pool = new BufferPool(device);
    this.#chunkMs = chunkMs;
  }

  /**
   * Builds the model and its training step, and uploads the images.
   * @throws ConfigError for a setting that cannot be used
   * @throws DeviceLimitError if a tensor does not fit the device: nothing is left allocated then
   */
  static async create(
    device: Device,
    data: DataSet,
    config: Partial<VaeConfig> = {},
    internals: VaeInternals = {},
  ): Promise<Vae> {
    const vae = new Vae(device, data, parseConfig(config), internals.chunkMs ?? DEFAULT_CHUNK_MS);
    try {
      await device.checked('build the model', () => vae.#build(internals));
    } catch (error) {
      vae.dispose();
      throw error;
    }
    return vae;
  }

  #build({ parameters, eps, shuffle = true, family }: VaeInternals): void {
    const { seed, batch, latent } = this.config;
    const flat = (label: string): Tensor => this.#pool.tensor(label, [this.table.length]);
    this.#model = { param: flat('parameters'), grad: flat('gradients'), m: flat('Adam m'), v: flat('Adam v') };
    const images = packImages(this.#pool, 'training images', this.#data.train.images, this.imageSize);
    const noise: Noise = eps
      ? this.#pool.tensor('eps', [eps.length / (batch * latent), batch, latent], { data: eps })
      : { seed, stream: NOISE_STREAMS.train };
    this.#plan = planTraining(this.#pool, this.table, this.#model, images, this.config, { noise, shuffle, family });
    this.#replay = new Replay(this.device, this.#plan);
    this.#evaluator = new Evaluator(this.device, this.table, this.#model.param, this.#data.test, seed);
    const initial = parameters ?? initialParameters(this.table, seed);
    upload(this.device, this.#model.param, flattenParameters(this.table, initial));
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /** Dispatches of one training step. */
  get dispatchesPerStep(): number {
    return this.#plan.schedule.length;
  }

  /**
   * Trains until `config.epochs` are done, or `signal` says stop; called again, it goes on.
   * @throws NonFiniteError when a loss is not finite; the parameters are those before that step
   * @throws DeviceLostError when the GPU went away
   */
  async train({ onProgress, onEpoch, signal }: TrainOptions = {}): Promise<{ finished: boolean; step: number }> {
    const start = performance.now();
    const { count } = this.#data.train;
    const { batch, epochs, beta } = this.config;
    while (this.#step < this.steps && !signal?.aborted) {
      const epoch = this.#epochOf(this.#step);
      const end = Math.ceil((epoch * count) / batch);
      const mean = new LossMean(beta);
      await this.advance(end - this.#step, {
        ...(signal ? { signal } : {}),
        onChunk: (losses, msPerStep) => {
          const chunk = new LossMean(beta);
          for (const loss of losses) {
            chunk.add(loss);
            mean.add(loss);
          }
          const secondsLeft = ((this.steps - this.#step) * msPerStep) / 1000;
          const stepsPerSecond = 1000 / msPerStep;
          onProgress?.({
            epoch,
            epochs,
            step: this.#step,
            steps: this.steps,
            train: chunk.mean(),
            stepsPerSecond,
            secondsLeft,
          });
        },
      });
      if (this.#step < end) break;
      const test = await this.evaluate();
      const seconds = (performance.now() - start) / 1000;
      await onEpoch?.({ epoch, step: this.#step, train: mean.mean(), test, seconds });
    }
    return { finished: this.#step >= this.steps, step: this.#step };
  }

  /** The epoch, from 1, whose end comes next after `step` steps. */
  #epochOf(step: number): number {
    const { count } = this.#data.train;
    const { batch } = this.config;
    let epoch = Math.max(1, Math.floor((step * batch) / count));
    while (Math.ceil((epoch * count) / batch) <= step) epoch++;
    return epoch;
  }

  /**
   * Does `steps` training steps, whatever `config.epochs` says.
   * @throws NonFiniteError, DeviceLostError as `train` does
   */
  async advance(
    steps: number,
    options: {
      onChunk?: (losses: { bce: number; kld: number }[], msPerStep: number) => void;
      signal?: AbortSignal;
    } = {},
  ): Promise<void> {
    let halted: StepState | undefined;
    await this.#replay.run(this.#step, steps, {
      budgetMs: this.#chunkMs,
      onChunk: ({ losses, state, msPerStep }) => {
        this.#step = state.step;
        if (state.halted) {
          halted ??= state;
          return false;
        }
        options.onChunk?.(losses, msPerStep);
        return !options.signal?.aborted;
      },
    });
    if (halted) throw await this.#nonFinite(halted);
  }

  async #nonFinite(state: StepState): Promise<NonFiniteError> {
    const parameters = nameParameters(this.table, await download(this.device, this.#model.param));
    const bad = await firstNonFinite(this.device, parameters, this.#plan.intermediates);
    upload(this.device, this.#plan.state, packState({ ...state, halted: 0 }));
    return new NonFiniteError(state.step + 1, bad);
  }

  /** Mean losses over the test set, or over another set of images of the same size. */
  async evaluate(set?: ImageSet): Promise<Losses> {
    if (!set) return this.#evaluator.run(this.config.beta, this.#chunkMs);
    if (set.rows * set.columns !== this.imageSize) {
      throw new RangeError(`evaluate: images have ${set.rows * set.columns} pixels, expected ${this.imageSize}`);
    }
    const build = () => new Evaluator(this.device, this.table, this.#model.param, set, this.config.seed);
    const evaluator = await this.device.checked('evaluate', build);
    try {
      return await evaluator.run(this.config.beta, this.#chunkMs);
    } finally {
      evaluator.dispose();
    }
  }

  /**
   * q(z|x) of images: `images` (n, D) u8 -> `mu` and `logvar` (n, L) f32.
   * @throws RangeError unless the length is a positive multiple of D
   */
  async encode(images: Uint8Array): Promise<{ mu: Float32Array; logvar: Float32Array }> {
    const { latent } = this.config;
    const pool = new BufferPool(this.device);
    try {
      return await this.device.checked('encode', async () => {
        const packed = packImages(pool, 'images to encode', images, this.imageSize);
        const batch = Math.min(INFERENCE_BATCH, packed.count);
        const state = pool.tensor('state', [4], { dtype: 'u32' });
        const { schedule, heads } = planEncode(pool, this.table, this.#model.param, packed, state, batch);
        const mu = new Float32Array(packed.count * latent);
        const logvar = new Float32Array(packed.count * latent);
        for (let position = 0; position < packed.count; position += batch) {
          upload(this.device, state, packState({ step: 0, epoch: 0, position, halted: 0 }));
          runSchedule(this.device, schedule);
          const out = await download(this.device, heads);
          for (let row = 0; row < Math.min(batch, packed.count - position); row++) {
            const at = row * 2 * latent;
            mu.set(out.subarray(at, at + latent), (position + row) * latent);
            logvar.set(out.subarray(at + latent, at + 2 * latent), (position + row) * latent);
          }
        }
        return { mu, logvar };
      });
    } finally {
      pool.dispose();
    }
  }

  /**
   * p(x|z): `z` (n, L) f32 -> pixels (n, D) f32 in [0, 1].
   * @throws RangeError unless the length is a positive multiple of L
   */
  async decode(z: Float32Array): Promise<Float32Array> {
    const { latent } = this.config;
    const count = z.length / latent;
    if (!Number.isInteger(count) || count < 1) {
      throw new RangeError(`decode: z has ${z.length} values, expected a positive multiple of L=${latent}`);
    }
    const pool = new BufferPool(this.device);
    try {
      return await this.device.checked('decode', async () => {
        const batch = Math.min(INFERENCE_BATCH, count);
        const plan = planDecode(pool, this.table, this.#model.param, batch);
        const pixels = new Float32Array(count * this.imageSize);
        for (let row = 0; row < count; row += batch) {
          const rows = Math.min(batch, count - row);
          upload(this.device, plan.z, z.subarray(row * latent, (row + rows) * latent));
          runSchedule(this.device, plan.schedule);
          const out = await download(this.device, plan.pixels);
          pixels.set(out.subarray(0, rows * this.imageSize), row * this.imageSize);
        }
        return pixels;
      });
    } finally {
      pool.dispose();
    }
  }

  /** Decodes z ~ N(0, I): pixels (count, D) f32 in [0, 1]. The same seed gives the same z. */
  sample(count: number, seed = this.config.seed): Promise<Float32Array> {
    return this.decode(normalNumbers(count * this.config.latent, seed));
  }

  /** The parameters by PyTorch's names, weights (out, in). */
  async parameters(): Promise<NamedTensor[]> {
    return nameParameters(this.table, await download(this.device, this.#model.param));
  }

  /** The last step's gradients, named as the parameters are. */
  async gradients(): Promise<NamedTensor[]> {
    return nameParameters(this.table, await download(this.device, this.#model.grad));
  }

  /** Adam's moments, named as the parameters are. */
  async moments(): Promise<{ m: NamedTensor[]; v: NamedTensor[] }> {
    const [m, v] = await Promise.all([download(this.device, this.#model.m), download(this.device, this.#model.v)]);
    return { m: nameParameters(this.table, m), v: nameParameters(this.table, v) };
  }

  dispose(): void {
    this.#replay?.dispose();
    this.#evaluator?.dispose();
    this.#pool.dispose();
  }
}
