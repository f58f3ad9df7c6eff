/** What the commands that look into a model have in common: a model opened, and one file written, whole or not at all. */

import { stat } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { createDevice, OpenedVae } from 'webgpu-vae';
import { UsageError } from '../errors.ts';
import type { ExploreSettings } from '../explore-command.ts';
import { cannotWrite, checkWritable, writeFileAtomic } from '../files.ts';
import { type FoundModel, findModel } from '../open-model.ts';

/** A result: the file's content, and what is said of it. */
export interface Written {
  content: Uint8Array | string;
  says: string;
}

/** The opened model, and the format that the file's name asks for. */
export interface Exploration<Format extends string> {
  vae: OpenedVae;
  model: FoundModel;
  format: Format;
}

/**
 * Opens the model, does `work`, and writes what comes of it. Whatever can be wrong before the model is looked at is found before.
 * @param formats ends of the file's name that the command can write, without the dot
 * @returns 0
 * @throws UsageError for a file of another format, or one that is there already
 */
export async function explore<Format extends string>(
  { model: path, out, adapter, force }: ExploreSettings,
  formats: readonly Format[],
  work: (exploration: Exploration<Format>) => Promise<Written>,
): Promise<number> {
  const format = await checkOut(out, formats, force);
  const model = await findModel(path);
  const device = await createDevice(adapter === undefined ? {} : { adapter });
  try {
    const vae = await device
      .checked('open the model', () => new OpenedVae(device, model))
      .catch((error) => {
        if (error instanceof RangeError) error.message = `${model.path}: ${error.message}`;
        throw error;
      });
    const { content, says } = await work({ vae, model, format });
    await writeOut(out, content);
    for (const notice of model.notices) process.stdout.write(`${notice}\n`);
    process.stdout.write(`${out}: ${says}\n`);
    return 0;
  } finally {
    device.dispose();
  }
}

/** @throws UsageError unless the name ends in one of the formats and nothing stands there; Error if nothing can be written there */
export async function checkOut<Format extends string>(
  out: string,
  formats: readonly Format[],
  force: boolean,
): Promise<Format> {
  const format = formats.find((each) => extname(out).toLowerCase() === `.${each}`);
  if (format === undefined) {
    const names = formats.map((each) => `.${each}`).join(' or ');
    throw new UsageError(`--out ${out}: expected a file whose name ends in ${names}: its end says what is written`);
  }
  const existing = await stat(out).catch(() => undefined);
  if (existing?.isDirectory()) throw new UsageError(`--out ${out} is a folder, expected a file: name one in it`);
  if (existing && !force)
    throw new UsageError(`--out ${out} is there already: name another file, or replace it with --force`);
  const folder = await stat(dirname(out)).catch(() => undefined);
  if (!folder?.isDirectory()) throw new UsageError(`--out ${out}: there is no folder ${dirname(out)}: make it first`);
  await checkWritable(dirname(out));
  return format;
}

export async function writeOut(out: string, content: Uint8Array | string): Promise<void> {
  await writeFileAtomic(out, content).catch((error: NodeJS.ErrnoException) => {
    throw cannotWrite(out, error);
  });
}
