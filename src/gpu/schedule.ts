import type { Device } from './device.ts';
import type { Dispatch } from './kernel.ts';
import { encodeCopy, type TextureCopy } from './texture.ts';

/** What a schedule consists of. */
export type Command = Dispatch | TextureCopy;

/** A list of commands, made once and replayed: encoding creates no buffer and no bind group and writes nothing. */
export type Schedule = readonly Command[];

export function isDispatch(command: Command): command is Dispatch {
  return 'kernel' in command;
}

/** The schedule's dispatches, in order. */
export function dispatchesOf(schedule: Schedule): Dispatch[] {
  return schedule.filter(isDispatch);
}

/** The schedule without copies of what no dispatch may have written since it was copied last. */
export function withoutRepeatedCopies(schedule: Schedule): Schedule {
  const fresh = new Set<TextureCopy>();
  return schedule.filter((command) => {
    if (isDispatch(command)) {
      for (const copy of fresh) if (command.writes.includes(copy.source.buffer)) fresh.delete(copy);
      return true;
    }
    const isStale = !fresh.has(command);
    fresh.add(command);
    return isStale;
  });
}

/** Encodes the schedule `times` times, one replay after the other. */
export function encodeSchedule(encoder: GPUCommandEncoder, schedule: Schedule, times = 1): void {
  let pass: GPUComputePassEncoder | undefined;
  for (let replay = 0; replay < times; replay++) {
    for (const command of schedule) {
      if (isDispatch(command)) {
        pass ??= encoder.beginComputePass();
        encodeDispatch(pass, command);
      } else {
        // Copies lie between passes.
        pass?.end();
        pass = undefined;
        encodeCopy(encoder, command);
      }
    }
  }
  pass?.end();
}

export function encodeDispatch(pass: GPUComputePassEncoder, { kernel, bindGroup, workgroups }: Dispatch): void {
  pass.setPipeline(kernel.pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...workgroups);
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
