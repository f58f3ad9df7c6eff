import type { Device } from './device.ts';
import { BufferPool } from './tensor.ts';

const TIMESTAMP_BYTES = 8;
const BYTES = 2 * TIMESTAMP_BYTES;
const NANOSECONDS_PER_MS = 1e6;

/**
 * Times submissions by the GPU's own clock, so that what lies before them in the queue does not count. Notices of
 * finished work are no measure of it: a browser may deliver two at once though hundreds of milliseconds lie between them.
 * One measurement at a time. Needs the device's timestamp-query.
 */
export class Stopwatch {
  readonly device: Device;
  #pool: BufferPool;
  #queries: GPUQuerySet;
  #resolved: GPUBuffer;
  #staging: GPUBuffer;

  constructor(device: Device) {
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.device = device;
    this.#pool = new BufferPool(device);
    this.#queries = device.handle.createQuerySet({ type: 'timestamp', count: 2 });
    this.#resolved = this.#pool.buffer('stopwatch', BYTES, QUERY_RESOLVE | COPY_SRC);
    this.#staging = this.#pool.buffer('staging of the stopwatch', BYTES, COPY_DST | MAP_READ);
  }

  /** Runs `work`, which submits to the device's queue; resolves, when that is done, to its time on the GPU in ms. */
  async time(work: () => void): Promise<number> {
    const { queue } = this.device.handle;
    queue.submit([this.#mark(0).finish()]);
    work();
    const end = this.#mark(1);
    end.resolveQuerySet(this.#queries, 0, 2, this.#resolved, 0);
    end.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, BYTES);
    queue.submit([end.finish()]);
    try {
      await this.#staging.mapAsync(GPUMapMode.READ);
    } catch (error) {
      throw await this.device.reasonOf(error);
    }
    const [from, to] = new BigUint64Array(this.#staging.getMappedRange());
    const ms = Number(to! - from!) / NANOSECONDS_PER_MS;
    this.#staging.unmap();
    return Math.max(0, ms);
  }

  dispose(): void {
    this.#queries.destroy();
    this.#pool.dispose();
  }

  /** An empty pass that writes the time at which it ends. */
  #mark(index: number): GPUCommandEncoder {
    const encoder = this.device.handle.createCommandEncoder();
    encoder.beginComputePass({ timestampWrites: { querySet: this.#queries, endOfPassWriteIndex: index } }).end();
    return encoder;
  }
}
