import type { Device } from './device.ts';
import type { Dispatch } from './kernel.ts';

/** A list of dispatches, made once and replayed: encoding creates no buffer and no bind group and writes nothing. */
export type Schedule = readonly Dispatch[];

/** Encodes the schedule `times` times, one replay after the other. */
export function encodeSchedule(encoder: GPUCommandEncoder, schedule: Schedule, times = 1): void {
  const pass = encoder.beginComputePass();
  for (let replay = 0; replay < times; replay++) {
    for (const { pipeline, bindGroup, workgroups } of schedule) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...workgroups);
    }
  }
  pass.end();
}

/** Encodes and submits the schedule; does not wait. */
export function runSchedule(device: Device, schedule: Schedule, times = 1): void {
  device.assertAlive();
  const encoder = device.handle.createCommandEncoder();
  encodeSchedule(encoder, schedule, times);
  device.handle.queue.submit([encoder.finish()]);
}

/** Time from submission to completion, in ms; for `sleepMs` of it nothing is pending on the GPU, see `DeviceHost.idle`. */
export async function timeSchedule(
  device: Device,
  schedule: Schedule,
  times: number,
  sleepMs: number,
): Promise<number> {
  const start = performance.now();
  runSchedule(device, schedule, times);
  await device.idle(sleepMs);
  await device.handle.queue.onSubmittedWorkDone();
  device.assertAlive();
  return performance.now() - start;
}
