/** What reads files from strangers, each with good files to start from and with what must hold of whatever it accepts. */
import { gzipSync } from 'node:zlib';
import { encode } from 'fast-png';
import { zipSync } from 'fflate';
import { parseImages, parseLabels, unpackNpz } from '../../src/data/arrays.ts';
import { DataError, imageLength } from '../../src/data/dataset.ts';
import { parseIdxImages, parseIdxLabels } from '../../src/data/idx.ts';
import { writeNpy } from '../../src/data/npy.ts';
import { readPng } from '../../src/data/png.ts';
import { unpack } from '../../src/data/unpack.ts';
import { initialParameters } from '../../src/nn/parameters.ts';
import { readSafetensors, SafetensorsError, writeSafetensors } from '../../src/train/safetensors.ts';
import { hasSeal, seal } from '../../src/train/seal.ts';
import { identifyData, initialSnapshot } from '../../src/train/snapshot.ts';
import { CheckpointError, readCheckpoint, readParameters, writeCheckpoint } from '../../src/vae/checkpoint.ts';
import { ConfigError, parseConfig } from '../../src/vae/config.ts';
import type { Snapshot } from '../../src/vae/vae.ts';
import { entry, fileOf, halves } from '../cli/safetensors-file.ts';
import { writeFirstVersion } from '../reliability/checkpoint-files.ts';
import { tinyData } from '../reliability/faults.ts';
import { settledVae, vaeTable } from '../support/vae-table.ts';
import { mutateBytes, mutateJson, mutateSafetensors, type Random } from './mutate.ts';

export interface Target {
  name: string;
  errors: (new (...args: never[]) => Error)[];
  mutate(random: Random): Uint8Array;
  /** Throws a plain Error if something that was accepted is not sound. */
  read(bytes: Uint8Array): unknown;
}

const config = parseConfig({ hidden: [5, 3], latent: 2, batch: 4, epochs: 3, seed: 7 });
const data = tinyData(8);
const settled = settledVae(config, 21);
const parameters = initialParameters(settled.table, config.seed);
const losses = { loss: 3.5, bce: 3, kld: 0.5 };
const snapshot: Snapshot = {
  ...initialSnapshot(settled, {
    model: { kind: 'vae', version: 1 },
    config,
    data: identifyData(data, settled),
    adapter: { name: 'a', backend: 'b' },
    variants: { 'forward 4x16x8': 'subgroup' },
    kernels: ['k'],
  }),
  step: 5,
  sums: { losses: { loss: 3, bce: 1, kld: 2 }, weight: 1 },
  history: [1, 2].map((epoch) => ({ epoch, step: 2 * epoch, train: losses, test: losses, seconds: 1.5 })),
};

function idx(sizes: number[]): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * sizes.length));
  header.setUint32(0, 0x800 + sizes.length);
  for (const [axis, size] of sizes.entries()) header.setUint32(4 + 4 * axis, size);
  const length = sizes.reduce((product, size) => product * size, 1);
  return Buffer.concat([new Uint8Array(header.buffer), Uint8Array.from({ length }, (_, i) => i)]);
}

const images = idx([5, 3, 4]);
const labels = idx([9]);
const array = writeNpy(
  Uint8Array.from({ length: 60 }, (_, i) => i),
  [5, 3, 4],
);
const classes = writeNpy(Uint32Array.of(3, 1, 4, 1, 5), [5]);
const npz = zipSync({ 'x_train.npy': array, 'y_train.npy': classes });
const pngs = ([1, 2, 3, 4] as const).map((channels) =>
  encode({ width: 4, height: 3, channels, data: new Uint8Array(12 * channels).fill(99) }),
);
const model = writeSafetensors(parameters, { format: 'pt', config: JSON.stringify(config) });
const half = fileOf(
  `{"__metadata__":null,"module.a":${entry([2, 3], [0, 12], 'F16')},"b":${entry([4], [12, 20], 'BF16')}}`,
  halves([0, 1, 0x3c00, 0xbc00, 0x7bff, 0x8000, 0, 1, 0x3f80, 0xbf80]),
);
const checkpoint = writeCheckpoint(snapshot);
const firstCheckpoint = writeFirstVersion(snapshot);
/** What the gzip target may unpack to. */
export const UNPACK_LIMIT = 2 ** 16;
const packed = [gzipSync(images), gzipSync(new Uint8Array(UNPACK_LIMIT)), gzipSync(new Uint8Array(2 ** 22))];

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`accepted, but ${what}`);
}

function resealed(bytes: Uint8Array): Uint8Array {
  if (hasSeal(bytes)) seal(bytes);
  return bytes;
}

function readSoundCheckpoint(bytes: Uint8Array): unknown {
  const read = readCheckpoint(bytes);
  const { entries } = vaeTable(read.config, read.data.rows * read.data.columns);
  for (const tensors of [read.parameters, read.m, read.v]) {
    must(tensors.length === entries.length, 'tensors are missing');
    must(
      tensors.every(({ data: values }) => values.every(Number.isFinite)),
      'a value is not finite',
    );
  }
  must(read.step <= Math.ceil((read.config.epochs * read.data.trainCount) / read.config.batch), 'the run is shorter');
  must(read.history.length <= Math.min(read.config.epochs, read.step), 'it has more epochs than there were');
  // What was accepted is written and read as itself.
  must(JSON.stringify(readCheckpoint(writeCheckpoint(read))) === JSON.stringify(read), 'it changes when it is written');
  return read;
}

export const targets: Target[] = [
  {
    name: 'IDX images',
    errors: [DataError],
    mutate: (random) => mutateBytes(images, random),
    read(bytes) {
      const parsed = parseIdxImages(bytes, 'images');
      must(parsed.images.length === parsed.count * imageLength(parsed), 'the sizes are not those of the data');
      const isView = parsed.images.buffer === bytes.buffer;
      must(isView || parsed.channels === 3, 'the images are not in the file');
      return parsed;
    },
  },
  {
    name: 'IDX labels',
    errors: [DataError],
    mutate: (random) => mutateBytes(labels, random),
    read(bytes) {
      const parsed = parseIdxLabels(bytes, 'labels');
      must(parsed.length === bytes.length - 8 && parsed.length > 0, 'the labels are not the data');
      return parsed;
    },
  },
  {
    name: 'NPY images',
    errors: [DataError],
    mutate: (random) => mutateBytes(array, random),
    read(bytes) {
      const parsed = parseImages(bytes, 'x.npy');
      must(parsed.images.length === parsed.count * imageLength(parsed), 'the sizes are not those of the data');
      return parsed;
    },
  },
  {
    name: 'NPY labels',
    errors: [DataError],
    mutate: (random) => mutateBytes(classes, random),
    read(bytes) {
      const parsed = parseLabels(bytes, 'y.npy');
      must(parsed.length <= bytes.length, 'there are more labels than bytes');
      return parsed;
    },
  },
  {
    name: 'NPZ',
    errors: [DataError],
    mutate: (random) => mutateBytes(npz, random),
    read: (bytes) => unpackNpz(bytes, 'mine.npz'),
  },
  {
    name: 'PNG',
    errors: [DataError],
    mutate: (random) => mutateBytes(random.pick(pngs), random),
    async read(bytes) {
      const { levels, rows, columns } = await readPng(bytes, 'x.png');
      must(levels.length === rows * columns, 'the size is not that of the data');
      return levels;
    },
  },
  {
    name: 'gzip',
    errors: [DataError],
    mutate: (random) => mutateBytes(random.pick(packed), random),
    async read(bytes) {
      const unpacked = await unpack(bytes, 'images.gz', UNPACK_LIMIT);
      must(unpacked.length <= UNPACK_LIMIT, 'larger than the limit');
      return unpacked;
    },
  },
  {
    name: 'safetensors',
    errors: [SafetensorsError, CheckpointError],
    mutate: (random) => mutateSafetensors(random.pick([model, model, half]), random),
    read(bytes) {
      const { tensors } = readSafetensors(bytes);
      const elements = tensors.map(({ shape }) => shape.reduce((product, size) => product * size, 1));
      must(
        tensors.every((tensor, i) => tensor.data.length === elements[i]),
        'a shape does not fit its data',
      );
      must(
        // Halves become twice as long.
        tensors.reduce((sum, tensor) => sum + tensor.data.byteLength, 0) <= 2 * bytes.length,
        'there is more than was read',
      );
      return readParameters(bytes);
    },
  },
  {
    name: 'checkpoint',
    errors: [CheckpointError, SafetensorsError],
    // As whoever wants to be read would: the seal is right again.
    mutate: (random) => resealed(mutateSafetensors(checkpoint, random)),
    read: readSoundCheckpoint,
  },
  {
    name: 'checkpoint of version 1',
    errors: [CheckpointError, SafetensorsError],
    mutate: (random) => mutateSafetensors(firstCheckpoint, random),
    read: readSoundCheckpoint,
  },
  {
    name: 'config',
    errors: [ConfigError, SyntaxError],
    mutate: (random) => {
      let text = JSON.stringify(config);
      for (let i = random.below(3); i >= 0; i--) text = mutateJson(text, random);
      return new TextEncoder().encode(text);
    },
    read(bytes) {
      const parsed = parseConfig(JSON.parse(new TextDecoder().decode(bytes)));
      must(Object.keys(parsed).length === Object.keys(config).length, 'it has settings that nobody knows');
      must(
        Number.isInteger(parsed.latent) && parsed.latent > 0 && parsed.learningRate > 0,
        'a setting is out of range',
      );
      return parsed;
    },
  },
];
