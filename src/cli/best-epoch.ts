/** The best epoch of a run by images that it does not train on, and when to stop looking for a better one. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type NamedTensor, readSafetensors, writeSafetensors } from 'webgpu-vae';
import type { RunFolder } from './run-folder.ts';

export const BEST = 'best.safetensors';

/** An epoch's weights, and what they came to. */
export interface BestEpoch {
  epoch: number;
  step: number;
  /** The objective on the images set aside, in nats per image. */
  loss: number;
  parameters: NamedTensor[];
}

/** Keeps the best epoch so far, in memory and in the run's folder, where a resumed run finds it. */
export class BestEpochs {
  #folder: RunFolder;
  #patience: number;
  #best: BestEpoch | undefined;

  private constructor(folder: RunFolder, patience: number, best: BestEpoch | undefined) {
    this.#folder = folder;
    this.#patience = patience;
    this.#best = best;
  }

  /** @param run.history epochs done: what was kept of a later one is forgotten, its steps are done again */
  static async open(
    folder: RunFolder,
    { patience = Number.POSITIVE_INFINITY, epochs }: { patience: number | undefined; epochs: number },
  ): Promise<BestEpochs> {
    const kept = epochs > 0 ? await readBest(join(folder.path, BEST)) : undefined;
    return new BestEpochs(folder, patience, kept && kept.epoch <= epochs ? kept : undefined);
  }

  get best(): BestEpoch | undefined {
    return this.#best;
  }

  /** Whether `patience` epochs have passed since the best one. */
  isOver(epoch: number): boolean {
    return this.#best !== undefined && epoch - this.#best.epoch >= this.#patience;
  }

  /** @returns whether it is the best so far */
  async add(epoch: Omit<BestEpoch, 'parameters'>, parameters: () => Promise<NamedTensor[]>): Promise<boolean> {
    if (this.#best && !(epoch.loss < this.#best.loss)) return false;
    this.#best = { ...epoch, parameters: await parameters() };
    const { epoch: number, step, loss } = this.#best;
    await this.#folder.write(
      BEST,
      writeSafetensors(this.#best.parameters, { format: 'pt', best: JSON.stringify({ epoch: number, step, loss }) }),
    );
    return true;
  }
}

async function readBest(path: string): Promise<BestEpoch | undefined> {
  try {
    const { tensors: parameters, metadata } = readSafetensors(await readFile(path));
    const { epoch, step, loss } = JSON.parse(metadata.best ?? '') as Record<string, unknown>;
    if (!Number.isInteger(epoch) || !Number.isInteger(step) || !Number.isFinite(loss)) return undefined;
    return { epoch: epoch as number, step: step as number, loss: loss as number, parameters };
  } catch {
    // None, or one that was damaged: the next epoch is the best then.
    return undefined;
  }
}
