import { type Device, GpuError } from '../gpu/device.ts';
import { encodeSchedule } from '../gpu/schedule.ts';
import { type Interval, TimestampPair } from '../gpu/stopwatch.ts';
import { BufferPool } from '../gpu/tensor.ts';
import { OVERFLOWED, type StepState, unpackState } from '../kernels/finish-step.ts';
import type { StepLoss } from './losses.ts';
import { LOSS_CAPACITY, type LossPlan } from './plan.ts';

/** The GPU has not done the steps that it was given: what they should have changed is not what anybody believes. */
export class LostStepsError extends GpuError {
  override name = 'LostStepsError';
}

/** A chunk of steps that the GPU has done. */
export interface Chunk {
  /** The first step's losses first. */
  losses: StepLoss[];
  state: StepState;
  /** Time from the previous chunk's end (or this one's beginning) to this one's, divided by its steps. */
  msPerStep: number;
}

/** What a chunk's staging buffer says. */
interface Reading extends Omit<Chunk, 'msPerStep'> {
  interval: Interval | undefined;
}

export interface ReplayOptions {
  /** How long a chunk should take. */
  budgetMs: number;
  /** Sees every chunk in order; returning false stops after what is in flight. */
  onChunk: (chunk: Chunk) => boolean;
  /** Aborted, it stops after what is in flight and its reason is thrown. */
  signal?: AbortSignal;
}

interface Flight {
  /** Number of the first step, from 0. */
  firstStep: number;
  steps: number;
  staging: GPUBuffer;
  submittedAt: number;
}

/** No chunk may lap the ring while another one is in flight. */
const LONGEST_CHUNK = LOSS_CAPACITY / 4;
const STATE_BYTES = 16;
/** How much of the last chunk's expected time is slept through: sleeping too long is time lost. */
const SLEEP = 0.95;
/** How much of the next chunk may have gone by before the one in flight is asked for. Then it is done, but for a stall. */
const SLACK = 0.5;
/** Without a clock on the GPU: a result that comes sooner than this after the sleep was there before. */
const OVERSLEPT_MS = 0.5;

/**
 * Replays a plan in chunks: many steps per submission, two submissions in flight, losses read once per chunk.
 * Nothing is allocated or uploaded per step or per chunk: the two staging buffers are made here.
 */
export class Replay {
  readonly device: Device;
  readonly plan: LossPlan;
  #pool: BufferPool;
  #free: GPUBuffer[];
  /** In a staging buffer, after the ring of losses. */
  readonly #stateOffset: number;
  readonly #timestampsOffset: number;
  #timestamps: TimestampPair | undefined;
  #compiled = false;
  /** What a step is expected to take; 0 until one has been timed. */
  #msPerStep = 0;

  constructor(device: Device, plan: LossPlan) {
    this.device = device;
    this.plan = plan;
    this.#pool = new BufferPool(device);
    this.#stateOffset = plan.losses.sizeBytes;
    this.#timestampsOffset = this.#stateOffset + STATE_BYTES;
    const size = this.#timestampsOffset + TimestampPair.BYTES;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    this.#free = [0, 1].map((i) => this.#pool.buffer(`staging ${i}`, size, usage));
    if (device.features.has('timestamp-query')) this.#timestamps = new TimestampPair(this.#pool, 'replay');
  }

  /**
   * Does `steps` steps; the first one has the number `firstStep`, which is what the state on the GPU says. One call at a time.
   * `onChunk` must not throw: what is in flight would be done and not be seen.
   * @throws LostStepsError if the state comes back with another step than it must have
   * @throws GpuError if WebGPU refused something meanwhile, which may be something of others on this device; `onChunk` has
   * then seen every step that was done
   */
  async run(firstStep: number, steps: number, options: ReplayOptions): Promise<void> {
    const flights: Flight[] = [];
    try {
      await this.#run(firstStep, steps, options, flights);
    } finally {
      this.#free.push(...flights.map(({ staging }) => staging));
    }
    options.signal?.throwIfAborted();
  }

  dispose(): void {
    this.#timestamps?.dispose();
    this.#pool.dispose();
    this.#free = [];
  }

  async #run(
    firstStep: number,
    steps: number,
    { budgetMs, onChunk, signal }: ReplayOptions,
    flights: Flight[],
  ): Promise<void> {
    const refused = this.device.watchErrors();
    let submitted = 0;
    let going = true;
    let lost: LostStepsError | undefined;
    // When the chunk before the one waited for was done: by the CPU's clock, as far as known, and by the GPU's.
    let lastEnd = 0;
    let last: Interval | undefined;
    while (flights.length > 0 || (going && submitted < steps)) {
      // Until a step has been timed chunks are one step long, and nothing follows the one in flight.
      const inFlight = this.#msPerStep === 0 ? 1 : 2;
      while (going && submitted < steps && flights.length < inFlight) {
        const length = Math.min(this.#chunkLength(budgetMs), steps - submitted);
        flights.push(await this.#submit(firstStep + submitted, length));
        submitted += length;
      }
      const flight = flights[0]!;
      const begin = Math.max(lastEnd, flight.submittedAt);
      // Sleep through it: a pending GPU promise makes Dawn's event loop spin on a whole core.
      await this.device.idle(begin + this.#sleepMs(flights) - performance.now());
      const awake = performance.now();
      const { losses, state, interval } = await this.#read(flight);
      flights.shift();
      const now = performance.now();
      const gpuMs = interval && interval.to - interval.from;
      lastEnd = Math.min(now, begin + (gpuMs ?? Number.POSITIVE_INFINITY));
      const sinceLast = interval ? interval.to - (last?.to ?? interval.from) : now - begin;
      last = interval;
      this.#learn((gpuMs ?? now - begin) / flight.steps, gpuMs === undefined && now - awake < OVERSLEPT_MS);
      lost ??= lostSteps(flight, state, refused());
      const goesOn = !lost && onChunk({ losses, state, msPerStep: sinceLast / flight.steps });
      going &&= goesOn && !refused() && !signal?.aborted;
    }
    const error = lost ?? refused();
    if (error) throw error;
  }

  /** How long after its beginning the first of these is asked for. */
  #sleepMs([flight, next]: readonly Flight[]): number {
    const steps = this.#timestamps && next ? flight!.steps + SLACK * next.steps : SLEEP * flight!.steps;
    return steps * this.#msPerStep;
  }

  /** @param overslept whether the chunk was done before: then the time measured is the sleep's own, and the truth is shorter */
  #learn(msPerStep: number, overslept: boolean): void {
    if (!this.#compiled) {
      // The first chunk also paid for compiling shaders: it says nothing of the next one.
      this.#compiled = true;
    } else if (this.#msPerStep === 0) {
      this.#msPerStep = msPerStep;
    } else if (overslept) {
      this.#msPerStep *= 0.75;
    } else {
      this.#msPerStep = 0.5 * (this.#msPerStep + msPerStep);
    }
  }

  #chunkLength(budgetMs: number): number {
    if (this.#msPerStep === 0) return 1;
    return Math.max(1, Math.min(LONGEST_CHUNK, Math.round(budgetMs / this.#msPerStep)));
  }

  async #submit(firstStep: number, steps: number): Promise<Flight> {
    const staging = this.#free.pop()!;
    const submit = () => this.#encode(steps, staging);
    try {
      // The first submission compiles: whatever is wrong with a pipeline is an error here.
      if (this.#compiled) submit();
      else await this.device.checked('compile the kernels', submit);
    } catch (error) {
      this.#free.push(staging);
      throw error;
    }
    return { firstStep, steps, staging, submittedAt: performance.now() };
  }

  #encode(steps: number, staging: GPUBuffer): void {
    this.device.assertAlive();
    const { plan } = this;
    const encoder = this.device.handle.createCommandEncoder();
    this.#timestamps?.begin(encoder);
    encodeSchedule(encoder, plan.schedule, steps);
    encoder.copyBufferToBuffer(plan.losses.buffer, 0, staging, 0, plan.losses.sizeBytes);
    encoder.copyBufferToBuffer(plan.state.buffer, 0, staging, this.#stateOffset, STATE_BYTES);
    this.#timestamps?.end(encoder, staging, this.#timestampsOffset);
    this.device.handle.queue.submit([encoder.finish()]);
  }

  async #read({ firstStep, steps, staging }: Flight): Promise<Reading> {
    try {
      await staging.mapAsync(GPUMapMode.READ);
    } catch (error) {
      throw await this.device.reasonOf(error);
    }
    const bytes = staging.getMappedRange();
    const { terms } = this.plan;
    const ring = new Float32Array(bytes, 0, LOSS_CAPACITY * terms.length);
    const state = unpackState(new Uint32Array(bytes, this.#stateOffset, STATE_BYTES / 4));
    const interval = this.#timestamps && TimestampPair.read(bytes, this.#timestampsOffset);
    // A step whose loss halted is in the ring but not counted; later ones of the chunk were not done.
    const done = state.halted & OVERFLOWED ? state.step : state.step + 1;
    const end = state.halted ? done : firstStep + steps;
    const losses: StepLoss[] = [];
    for (let step = firstStep; step < end; step++) {
      const at = (step % LOSS_CAPACITY) * terms.length;
      losses.push(Object.fromEntries(terms.map(({ name }, i) => [name, ring[at + i]!])));
    }
    staging.unmap();
    this.#free.push(staging);
    return { losses, state, interval };
  }
}

/** A step that WebGPU refused leaves the state where it was. */
function lostSteps({ firstStep, steps }: Flight, { step, halted }: StepState, cause: GpuError | undefined) {
  if (halted || step === firstStep + steps) return undefined;
  const why = cause ? ` (${cause.message})` : '';
  return new LostStepsError(
    `steps: the GPU has done ${step}, expected ${firstStep + steps}${why}: go on from the last snapshot, on another device`,
    { cause },
  );
}
