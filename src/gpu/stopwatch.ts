import type { Device } from './device.ts';
import { BufferPool } from './tensor.ts';

const NANOSECONDS_PER_MS = 1e6;

/** When something began and ended, in ms by the GPU's clock. */
export interface Interval {
  from: number;
  to: number;
}

/**
 * Two timestamps around a stretch of the device's queue. It may be used again while an earlier stretch is on its way, for the
 * queue is in order. Needs the device's timestamp-query, whose times are whole multiples of 0.1 ms in a browser and in Dawn.
 */
export class TimestampPair {
  /** What `end` copies. */
  static readonly BYTES = 16;
  #queries: GPUQuerySet;
  #resolved: GPUBuffer;

  /** @param pool owns the buffer, and must be disposed of after this */
  constructor(pool: BufferPool, label: string) {
    const { QUERY_RESOLVE, COPY_SRC } = GPUBufferUsage;
    this.#queries = pool.device.handle.createQuerySet({ type: 'timestamp', count: 2 });
    this.#resolved = pool.buffer(`${label} timestamps`, TimestampPair.BYTES, QUERY_RESOLVE | COPY_SRC);
  }

  begin(encoder: GPUCommandEncoder): void {
    this.#mark(encoder, 0);
  }

  /** Also copies both timestamps to `staging`, `BYTES` from `offset` on. */
  end(encoder: GPUCommandEncoder, staging: GPUBuffer, offset: number): void {
    this.#mark(encoder, 1);
    encoder.resolveQuerySet(this.#queries, 0, 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, staging, offset, TimestampPair.BYTES);
  }

  /** What `end` has copied, from a mapped staging buffer; undefined where the clock shows no time between the two. */
  static read(mapped: ArrayBuffer, offset: number): Interval | undefined {
    const [from, to] = Array.from(new BigUint64Array(mapped, offset, 2), (ns) => Number(ns) / NANOSECONDS_PER_MS);
    return to! > from! ? { from: from!, to: to! } : undefined;
  }

  dispose(): void {
    this.#queries.destroy();
  }

  /** An empty pass that writes the time at which it ends. */
  #mark(encoder: GPUCommandEncoder, index: number): void {
    encoder.beginComputePass({ timestampWrites: { querySet: this.#queries, endOfPassWriteIndex: index } }).end();
  }
}

/**
 * Times submissions by the GPU's own clock, so that what lies before them in the queue does not count. Notices of
 * finished work are no measure of it: a browser may deliver two at once though hundreds of milliseconds lie between them.
 * One measurement at a time. Needs the device's timestamp-query.
 */
export class Stopwatch {
  readonly device: Device;
  #pool: BufferPool;
  #timestamps: TimestampPair;
  #staging: GPUBuffer;

  constructor(device: Device) {
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    this.device = device;
    this.#pool = new BufferPool(device);
    this.#timestamps = new TimestampPair(this.#pool, 'stopwatch');
    this.#staging = this.#pool.buffer('staging of the stopwatch', TimestampPair.BYTES, COPY_DST | MAP_READ);
  }

  /** Runs `work`, which submits to the device's queue; resolves, when that is done, to its time on the GPU in ms. */
  async time(work: () => void): Promise<number> {
    const { handle } = this.device;
    const begin = handle.createCommandEncoder();
    this.#timestamps.begin(begin);
    handle.queue.submit([begin.finish()]);
    work();
    const end = handle.createCommandEncoder();
    this.#timestamps.end(end, this.#staging, 0);
    handle.queue.submit([end.finish()]);
    try {
      await this.#staging.mapAsync(GPUMapMode.READ);
    } catch (error) {
      throw await this.device.reasonOf(error);
    }
    const interval = TimestampPair.read(this.#staging.getMappedRange(), 0);
    this.#staging.unmap();
    return interval ? interval.to - interval.from : 0;
  }

  dispose(): void {
    this.#timestamps.dispose();
    this.#pool.dispose();
  }
}
