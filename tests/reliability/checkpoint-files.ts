/** Checkpoints as bytes: the kept one of the first version, how that version was written, and files to break. */
import { readFileSync } from 'node:fs';
import type { Losses } from '../../src/train/losses.ts';
import { type NamedTensor, writeSafetensors } from '../../src/train/safetensors.ts';
import { hasSeal, seal } from '../../src/train/seal.ts';
import type { Snapshot } from '../../src/vae/vae.ts';
import { fileOf } from '../cli/safetensors-file.ts';

/** Written by the program of before there was a second version (commit 51f19db), after 7 of 11 steps with `tinyData(64)`. */
export const FIRST_VERSION = readFileSync(new URL('files/checkpoint-v1.safetensors', import.meta.url));

/** A snapshot as the first version wrote it, of a run with the settings that there were. */
export function writeFirstVersion({ parameters, m, v, ...state }: Snapshot): Uint8Array {
  const { config, data, adapter, kernels, variants, step, sums, history, seconds } = state;
  const { testFingerprint: _, ...identity } = data;
  const { hidden, latent, batch, epochs, learningRate, beta, seed } = config;
  const { weight, losses } = sums;
  const lossesOf = ({ loss, bce, kld }: Losses) => ({ loss, bce, kld });
  const ofFirst = {
    config: { hidden, latent, batch, epochs, learningRate, beta, seed },
    data: identity,
    adapter,
    kernels,
    variants,
    step,
    sums: { bce: losses.bce, kld: losses.kld, weight },
    history: history.map((result) => ({
      epoch: result.epoch,
      step: result.step,
      train: lossesOf(result.train),
      test: lossesOf(result.test),
      seconds: result.seconds,
    })),
    seconds,
  };
  const prefixed = (prefix: string, tensors: NamedTensor[]) =>
    tensors.map((tensor) => ({ ...tensor, name: prefix + tensor.name }));
  return writeSafetensors([...parameters, ...prefixed('adam.m.', m), ...prefixed('adam.v.', v)], {
    format: 'pt',
    'webgpu-vae.checkpoint': '1',
    state: JSON.stringify(ofFirst),
  });
}

/** The header of a safetensors file, and its data. */
export function takeApart(file: Uint8Array): { header: string; data: Uint8Array } {
  const dataStart = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return {
    header: new TextDecoder().decode(file.subarray(8, dataStart)),
    data: new Uint8Array(file.subarray(dataStart)),
  };
}

/** A file with another header, sealed as if that were the one that was written. */
export function withHeader(file: Uint8Array, change: (header: string) => string): Uint8Array {
  const { header, data } = takeApart(file);
  const changed = fileOf(change(header), data);
  if (hasSeal(changed)) seal(changed);
  return changed;
}

/** A file with another text under one of its metadata's names, sealed if it was. */
export function withMetadata(file: Uint8Array, name: string, change: (text: string) => string): Uint8Array {
  const pattern = new RegExp(`("${name}":)("(?:[^"\\\\]|\\\\.)*")`);
  return withHeader(file, (header) =>
    header.replace(
      pattern,
      (_, key: string, value: string) => key + JSON.stringify(change(JSON.parse(value) as string)),
    ),
  );
}
