/**
 * Looking at a model: once, with numbers coming back, or again and again while it trains. Views read the model's own parameters,
 * so they show what training has just made of them.
 */
import type { Device } from '../gpu/device.ts';
import { runSchedule, type Schedule } from '../gpu/schedule.ts';
import { BufferPool, download, elementCount, type Tensor, upload } from '../gpu/tensor.ts';
import { packState } from '../kernels/finish-step.ts';
import { packImages } from '../kernels/gather.ts';
import { checkWhole } from './arguments.ts';
import { mostBytes, rowsThatFit } from './batches.ts';
import type { TrainConfig } from './config.ts';
import { type ModelDefinition, type PlacedModel, pixelsOf, type SettledModel, type ViewDefinition } from './model.ts';
import { planView, type ViewPlan } from './plan.ts';
import { DisposedError } from './queue.ts';

/** Rows per submission, where the device lets so many at once. */
const VIEW_BATCH = 500;

/** What a view showed of n rows, by name: (n, …) f32 each. */
export type Shown = Record<string, Float32Array>;

/** @throws RangeError if the model has no such view */
function viewOf<Config extends TrainConfig, Views extends string>(
  { kind, views }: ModelDefinition<Config, Views>,
  name: Views,
): ViewDefinition<Config> {
  const names = Object.keys(views);
  if (names.includes(name)) return views[name];
  throw new RangeError(
    `view: ${kind} has none that is named ${name}, expected ${names.join(' or ') || 'one, it has none'}`,
  );
}

/** Elements of one row of a view's input. */
export function viewSize<Config extends TrainConfig, Views extends string>(
  { definition, config, images }: SettledModel<Config, Views>,
  name: Views,
): number {
  const shape = viewOf(definition, name).shape?.(config, images);
  return shape ? elementCount(shape) : pixelsOf(images);
}

/**
 * A view of n inputs of its own shape.
 * @param input whole rows (n, …) f32
 * @param signal aborted, it stops between submissions and its reason is thrown
 */
export function viewTensors<Config extends TrainConfig, Views extends string>(
  placed: PlacedModel<Config, Views>,
  name: Views,
  input: Float32Array,
  signal?: AbortSignal,
): Promise<Shown> {
  return viewPiece(placed, name, input, viewBatch(placed, name, input.length), signal);
}

/**
 * A view of images.
 * @param images whole images: (n, D) u8, or f32 in [0, 1]
 * @param signal aborted, it stops between submissions and its reason is thrown
 */
export async function viewImages<Config extends TrainConfig, Views extends string>(
  placed: PlacedModel<Config, Views>,
  name: Views,
  images: Uint8Array | Float32Array,
  signal?: AbortSignal,
): Promise<Shown> {
  if (images instanceof Float32Array) return viewTensors(placed, name, images, signal);
  const D = pixelsOf(placed.model.images);
  const batch = viewBatch(placed, name, images.length);
  // As many whole batches as one tensor holds the bytes of; it is a word longer than they are.
  const piece = batch * Math.max(1, Math.floor((mostBytes(placed.device) - 8) / (batch * D))) * D;
  const pieces: Shown[] = [];
  for (let first = 0; first < images.length; first += piece) {
    pieces.push(await viewPiece(placed, name, images.subarray(first, first + piece), batch, signal));
  }
  return pieces.length === 1 ? pieces[0]! : joined(pieces);
}

function viewBatch<Config extends TrainConfig, Views extends string>(
  { device, model }: PlacedModel<Config, Views>,
  name: Views,
  length: number,
): number {
  return Math.min(rowsThatFit(device, model, VIEW_BATCH), length / viewSize(model, name));
}

function joined(pieces: readonly Shown[]): Shown {
  const names = Object.keys(pieces[0]!);
  return Object.fromEntries(
    names.map((name) => {
      const all = new Float32Array(pieces.reduce((sum, piece) => sum + piece[name]!.length, 0));
      let at = 0;
      for (const piece of pieces) {
        all.set(piece[name]!, at);
        at += piece[name]!.length;
      }
      return [name, all];
    }),
  );
}

/** Runs a view batch by batch, on rows that one tensor can hold. */
async function viewPiece<Config extends TrainConfig, Views extends string>(
  { device, model, param }: PlacedModel<Config, Views>,
  name: Views,
  input: Uint8Array | Float32Array,
  batch: number,
  signal: AbortSignal | undefined,
): Promise<Shown> {
  const size = viewSize(model, name);
  const count = input.length / size;
  const pool = new BufferPool(device);
  try {
    const plan = await device.checked(name, () => {
      const from = input instanceof Float32Array ? undefined : packImages(pool, `images to ${name}`, input, size);
      return planView(pool, model, param, name, { batch, from });
    });
    const named = Object.entries(plan.outputs).map(([key, tensor]) => {
      const width = elementCount(tensor.shape.slice(1));
      return { key, tensor, width, values: new Float32Array(count * width) };
    });
    for (let row = 0; row < count; row += batch) {
      signal?.throwIfAborted();
      const rows = Math.min(batch, count - row);
      const shown = await device.checked(name, () => {
        if (input instanceof Float32Array) upload(device, plan.input, input.subarray(row * size, (row + rows) * size));
        else upload(device, plan.state, packState({ step: 0, epoch: 0, position: row, halted: 0 }));
        runSchedule(device, plan.schedule);
        return Promise.all(named.map(({ tensor }) => download(device, tensor)));
      });
      for (const [i, { width, values }] of named.entries()) {
        values.set(shown[i]!.subarray(0, rows * width), row * width);
      }
    }
    // WGSL lets an adapter make any number of NaN.
    for (let row = 0; input instanceof Float32Array && row < count; row++) {
      if (input.subarray(row * size, (row + 1) * size).every(Number.isFinite)) continue;
      for (const { width, values } of named) values.fill(Number.NaN, row * width, (row + 1) * width);
    }
    return Object.fromEntries(named.map(({ key, values }) => [key, values]));
  } finally {
    pool.dispose();
  }
}

/** How many rows, up to `most`, the device lets a live view of the model hold. */
export function viewCapacity({ device, model }: PlacedModel, most: number): number {
  return rowsThatFit(device, model, most);
}

/** Looks at the same number of inputs over and over: everything is made once, results stay on the GPU. Owns its tensors. */
export class LiveView<Config extends TrainConfig, Views extends string> {
  /** (count, …) f32: what is looked at. */
  readonly input: Tensor;
  /** (count, …) f32 by name: what `run` computes. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly count: number;
  #name: string;
  #device: Device;
  #pool: BufferPool;
  #disposed = false;
  #schedule: Schedule;

  /**
   * @param count see `viewCapacity`
   * @throws RangeError unless it is a whole number from 1; DeviceLimitError if a tensor does not fit the device
   */
  constructor({ device, model, param }: PlacedModel<Config, Views>, name: Views, count: number) {
    viewOf(model.definition, name);
    checkWhole(`live ${name}`, 'count', count, { from: 1 });
    this.#device = device;
    this.#name = name;
    this.count = count;
    this.#pool = new BufferPool(device);
    try {
      const plan = planView(this.#pool, model, param, name, { batch: count });
      this.input = plan.input;
      this.outputs = plan.outputs;
      this.#schedule = plan.schedule;
    } catch (error) {
      this.#pool.dispose();
      throw error;
    }
  }

  /**
   * Submits; does not wait.
   * @param input (count, …) f32, or images (count, D) u8; without it the last ones again
   * @throws RangeError if there are more or fewer, DisposedError after `dispose()`
   */
  run(input?: Float32Array | Uint8Array): void {
    assertNotDisposed(this.#name, this.#disposed);
    const expected = elementCount(this.input.shape);
    if (input && input.length !== expected) {
      const got = `live ${this.#name}: the input has ${input.length} elements`;
      throw new RangeError(`${got}, expected ${expected}: pass all rows of the view`);
    }
    const values = input instanceof Uint8Array ? Float32Array.from(input, (level) => level / 255) : input;
    if (values) upload(this.#device, this.input, values);
    runSchedule(this.#device, this.#schedule);
  }

  dispose(): void {
    this.#disposed = true;
    this.#pool.dispose();
  }
}

/** Looks at a set of images piece by piece, over and over. Owns its tensors. */
export class LiveImages<Config extends TrainConfig, Views extends string> {
  /** (count, …) f32 by name: of the images looked at so far. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly count: number;
  /** Images of a piece: as many as asked for, or as fit the device. */
  readonly batch: number;
  #name: string;
  #device: Device;
  #pool: BufferPool;
  #disposed = false;
  #plan: ViewPlan;

  /**
   * @param images (count, D) u8
   * @throws RangeError unless they are whole images and `batch` a whole number from 1
   * @throws DeviceLimitError if a tensor does not fit the device
   */
  constructor({ device, model, param }: PlacedModel<Config, Views>, name: Views, images: Uint8Array, batch: number) {
    viewOf(model.definition, name);
    checkWhole(`live ${name}`, 'batch', batch, { from: 1 });
    this.#device = device;
    this.#name = name;
    this.#pool = new BufferPool(device);
    try {
      const from = packImages(this.#pool, `images to ${name} live`, images, pixelsOf(model.images));
      this.count = from.count;
      this.batch = Math.min(rowsThatFit(device, model, batch), from.count);
      this.#plan = planView(this.#pool, model, param, name, { batch: this.batch, from });
      this.outputs = Object.fromEntries(
        Object.entries(this.#plan.outputs).map(([key, { shape }]) => [
          key,
          this.#pool.tensor(`live ${key}`, [this.count, ...shape.slice(1)]),
        ]),
      );
    } catch (error) {
      this.#pool.dispose();
      throw error;
    }
  }

  /**
   * Looks at images `first` to `first + batch`; submits, does not wait.
   * @throws RangeError unless there is an image `first`, DisposedError after `dispose()`
   */
  run(first: number): void {
    assertNotDisposed(this.#name, this.#disposed);
    checkWhole(`live ${this.#name}`, 'first', first, { from: 0, to: this.count - 1 });
    const { state, schedule, outputs } = this.#plan;
    upload(this.#device, state, packState({ step: 0, epoch: 0, position: first, halted: 0 }));
    runSchedule(this.#device, schedule);
    const rows = Math.min(this.batch, this.count - first);
    const encoder = this.#device.handle.createCommandEncoder();
    for (const [key, { buffer, shape }] of Object.entries(outputs)) {
      const rowBytes = elementCount(shape.slice(1)) * 4;
      encoder.copyBufferToBuffer(buffer, 0, this.outputs[key]!.buffer, first * rowBytes, rows * rowBytes);
    }
    this.#device.handle.queue.submit([encoder.finish()]);
  }

  dispose(): void {
    this.#disposed = true;
    this.#pool.dispose();
  }
}

/** What is freed computes nothing: its submission would be refused, and everything else that runs on the device ended with it. */
function assertNotDisposed(name: string, disposed: boolean): void {
  if (disposed) throw new DisposedError(`live ${name}: it was disposed of: make another one`);
}
