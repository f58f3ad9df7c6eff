import { type Device, DeviceLostError } from '../gpu/device.ts';

const WINDOW_MS = 60_000;
/** How often a device may go within the window; one that goes oftener is broken, or the model makes it so. */
const MOST_LOSSES = 3;
/** A driver that was reset may need a moment before it gives a device again. */
const REOPEN_PAUSE_MS = 500;
const MOST_TRIES = 3;

/** The device was lost more often than recovering makes sense. `Trainer.lastSnapshot` still has what was learned. */
export class RepeatedDeviceLossError extends DeviceLostError {
  override name = 'RepeatedDeviceLossError';
}

/** What a recovery needs from the model that it recovers. */
export interface Recoverable {
  /** Where the model lives now. */
  device(): Device;
  /** Frees everything on the device, which may be lost. */
  release(): void;
  /** Makes everything anew on the device, from the last snapshot. */
  rebuildOn(device: Device, loss: Error): Promise<void>;
}

/** Moves a model to another device whenever its own is lost, at most three times within a minute. */
export class Recovery {
  readonly #model: Recoverable;
  readonly #reopen: (() => Promise<Device>) | undefined;
  #lossTimes: number[] = [];

  /** @param reopen without it a loss stays an error */
  constructor(model: Recoverable, reopen: (() => Promise<Device>) | undefined) {
    this.#model = model;
    this.#reopen = reopen;
  }

  /**
   * Does `work`, and does it again when the device was lost meanwhile and the model has moved. One call at a time.
   * @throws RepeatedDeviceLossError for the fourth loss within a minute; DeviceLostError if no other device can be opened;
   * what the building on another device throws, if that is no loss
   */
  async during<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      const device = this.#model.device();
      try {
        return await work();
      } catch (error) {
        // A device that its owner disposed of is gone on purpose.
        if (!this.#reopen || device.disposed || !isLossOf(device, error)) throw error;
        await this.#move(error, this.#reopen);
      }
    }
  }

  async #move(loss: Error, reopen: () => Promise<Device>): Promise<void> {
    let reason = loss;
    for (;;) {
      this.#count(reason);
      this.#model.release();
      const device = await open(reopen, reason);
      try {
        await this.#model.rebuildOn(device, loss);
        return;
      } catch (error) {
        if (!isLossOf(device, error)) throw error;
        reason = error;
        await pause();
      }
    }
  }

  #count(cause: Error): void {
    const now = performance.now();
    this.#lossTimes = this.#lossTimes.filter((time) => now - time < WINDOW_MS);
    if (this.#lossTimes.length >= MOST_LOSSES) {
      throw new RepeatedDeviceLossError(
        `recover: the GPU device was lost ${MOST_LOSSES + 1} times within a minute, expected at most ${MOST_LOSSES} (${cause.message}): use another adapter or a smaller batch, and resume`,
        { cause },
      );
    }
    this.#lossTimes.push(now);
  }
}

function isLossOf(device: Device, error: unknown): error is DeviceLostError {
  return device.lost && error instanceof DeviceLostError && !(error instanceof RepeatedDeviceLossError);
}

/** @throws DeviceLostError when it has failed several times */
async function open(reopen: () => Promise<Device>, loss: Error): Promise<Device> {
  for (let tries = 1; ; tries++) {
    try {
      return await reopen();
    } catch (error) {
      if (tries < MOST_TRIES) {
        await pause();
        continue;
      }
      const { message } = error as Error;
      throw new DeviceLostError(
        `recover: ${loss.message}, and no other could be opened in ${MOST_TRIES} tries (${message}): resume when there is one`,
        { cause: error },
      );
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REOPEN_PAUSE_MS));
}
