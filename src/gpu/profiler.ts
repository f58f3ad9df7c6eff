import { type Device, GpuError } from './device.ts';
import { dispatchesOf, encodeDispatch, isDispatch, type Schedule } from './schedule.ts';
import { encodeCopy } from './texture.ts';

/** GPU time of one dispatch of a schedule. */
export interface DispatchTime {
  /** The dispatch's label, such as `encoder.0 forward`. */
  label: string;
  /** The shader files that it runs. */
  kernel: string;
  /** Number of workgroups, not of threads. */
  workgroups: readonly [number, number, number];
  /** GPU time in ms, mean over the replays. */
  ms: number;
}

/** WebGPU's limit for one query set. */
const MAX_QUERIES = 4096;
/** Replays per submission: few enough that a slow adapter answers within seconds. */
const LONGEST_SUBMISSION = 16;
const TIMESTAMP_BYTES = 8;
const NANOSECONDS_PER_MS = 1e6;

/**
 * Replays a schedule `replays` times with a timestamp before and after every dispatch, and returns the times in the
 * schedule's order. Each dispatch is a pass of its own, which costs a little more than a replay in one pass. Copies to
 * textures lie between passes and are not timed. Browsers round timestamps to 100 µs: take many replays there.
 *
 * What the schedule computes is computed for real; one more replay, to warm up, comes first.
 * @throws GpuError if the device has no timestamp-query
 * @throws DeviceLostError if the device is gone
 */
export async function profileSchedule(device: Device, schedule: Schedule, replays: number): Promise<DispatchTime[]> {
  if (!device.features.has('timestamp-query')) {
    const has = [...device.features].join(', ') || 'none';
    throw new GpuError(
      `profileSchedule: expected the feature timestamp-query, ${device.info.name} has ${has}: profile on another adapter`,
    );
  }
  device.assertAlive();
  const dispatches = dispatchesOf(schedule);
  const perReplay = 2 * dispatches.length;
  const longest = Math.max(1, Math.min(replays, LONGEST_SUBMISSION, Math.floor(MAX_QUERIES / perReplay)));
  const sizeBytes = longest * perReplay * TIMESTAMP_BYTES;
  const queries = device.handle.createQuerySet({ type: 'timestamp', count: longest * perReplay });
  const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const resolved = device.createBuffer('timestamps', sizeBytes, QUERY_RESOLVE | COPY_SRC);
  const staging = device.createBuffer('staging of timestamps', sizeBytes, MAP_READ | COPY_DST);

  const measure = async (count: number, estimateMs: number): Promise<BigUint64Array> => {
    const encoder = device.handle.createCommandEncoder();
    for (let replay = 0; replay < count; replay++) {
      let first = replay * perReplay;
      for (const command of schedule) {
        if (!isDispatch(command)) {
          encodeCopy(encoder, command);
          continue;
        }
        const pass = encoder.beginComputePass({
          label: command.label,
          timestampWrites: { querySet: queries, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 },
        });
        encodeDispatch(pass, command);
        pass.end();
        first += 2;
      }
    }
    encoder.resolveQuerySet(queries, 0, count * perReplay, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, count * perReplay * TIMESTAMP_BYTES);
    device.handle.queue.submit([encoder.finish()]);
    await device.idle(estimateMs);
    await staging.mapAsync(GPUMapMode.READ);
    const stamps = new BigUint64Array(staging.getMappedRange().slice(0, count * perReplay * TIMESTAMP_BYTES));
    staging.unmap();
    return stamps;
  };

  try {
    await measure(1, 0);
    const nanoseconds = new Float64Array(dispatches.length);
    // Waiting with nothing pending needs an estimate; a short first submission gives it.
    let msPerReplay = 0;
    for (let done = 0; done < replays; ) {
      const count = done === 0 ? 1 : Math.min(longest, replays - done);
      const start = performance.now();
      const stamps = await measure(count, 0.9 * msPerReplay * count);
      msPerReplay = (performance.now() - start) / count;
      for (let i = 0; i < count * dispatches.length; i++) {
        // A browser may round the end below the beginning.
        nanoseconds[i % dispatches.length]! += Math.max(0, Number(stamps[2 * i + 1]! - stamps[2 * i]!));
      }
      done += count;
    }
    return dispatches.map(({ label, kernel, workgroups }, index) => {
      const ms = nanoseconds[index]! / NANOSECONDS_PER_MS / replays;
      return { label, kernel: kernel.label, workgroups, ms };
    });
  } catch (error) {
    throw await device.reasonOf(error);
  } finally {
    queries.destroy();
    device.destroyBuffer(resolved);
    device.destroyBuffer(staging);
  }
}
