/** The images that a command looks at: files of whoever calls it, or the test images of the model's own run. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, relative } from 'node:path';
import {
  checkFileSize,
  DataError,
  type ImageSet,
  imageLength,
  isPng,
  loadMnist,
  parseImages,
  readPng,
  resized,
  takeFirst,
  unpack,
} from 'webgpu-vae';
import type { ImageShape } from 'webgpu-vae/nn';
import { findPictures, type PictureFiles, readPictures } from 'webgpu-vae/node';
import { UsageError } from '../errors.ts';
import type { FoundModel } from '../open-model.ts';

/** Which images are wanted. */
export interface ImageChoice {
  /** A PNG, an IDX or NPY file, an NPZ, a folder of PNGs or a data set's; without it the images of the model's run. */
  images: string | undefined;
  /** Of a data set: its training or its test images. */
  set: 'train' | 'test';
  /** Whether images of another size are scaled to the model's. */
  resize: boolean;
  /** Most images; all without it. */
  count: number | undefined;
}

/** Images of the model's size. */
export interface ChosenImages extends ImageSet {
  /** What they are called in a picture's text. */
  title: string;
  /** The file of each, where each has its own. */
  files?: string[];
  classNames?: readonly string[];
}

/**
 * @throws UsageError if nothing says where the images are; DataError for files that are no images, or of another size
 */
export async function chooseImages(choice: ImageChoice, model: FoundModel): Promise<ChosenImages> {
  const found = await (choice.images === undefined
    ? ownImages(choice, model)
    : givenImages(choice.images, choice, model));
  const { rows, columns, channels } = model.images;
  if ((found.channels ?? 1) !== channels) {
    const [got, expected] = channels === 3 ? ['grey', 'colours'] : ['in colour', 'grey levels'];
    throw new DataError(
      `${choice.images ?? found.title}: the images are ${got}, the model has ${expected}: use others`,
    );
  }
  if (found.rows !== rows || found.columns !== columns) {
    if (!choice.resize) {
      throw new DataError(
        `${choice.images ?? found.title}: the images are ${found.columns} x ${found.rows} pixels, the model's ${columns} x ${rows}: scale them with --resize`,
      );
    }
    return scaled(found, model.images);
  }
  return found;
}

async function ownImages({ set, count }: ImageChoice, { record, data }: FoundModel): Promise<ChosenImages> {
  const from = typeof record.data === 'string' ? record.data : data;
  const isOther = from !== undefined && from !== 'MNIST';
  if (isOther && typeof record.data !== 'string') {
    throw new UsageError(`the model was trained on ${JSON.stringify(from)}: say with --images where images are`);
  }
  const options = {
    transpose: record.transpose === true,
    ...(typeof record.testSize === 'number' && { testSize: record.testSize }),
  };
  const loaded = await loadMnist(isOther ? from : undefined, options);
  const images = atMost(loaded[set], count);
  return {
    ...images,
    title: `${set} images of ${loaded.name}`,
    ...(loaded.classNames && { classNames: loaded.classNames }),
  };
}

async function givenImages(path: string, choice: ImageChoice, model: FoundModel): Promise<ChosenImages> {
  const { set, count, resize } = choice;
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const got = error.code === 'ENOENT' ? 'there is none' : error.message;
    throw new UsageError(`--images: expected a file or a folder at ${path}, ${got}: name another one`, {
      cause: error,
    });
  });
  if (!found.isDirectory() && !path.endsWith('.npz')) return fromFile(path, found.size, choice, model.images);
  const pictures = found.isDirectory() ? await findPictures(path) : undefined;
  const files = pictures && (pictures[set] ?? pictures.all ?? pictures.train);
  if (files) return fromPictures(path, files, { count, resize, size: model.images });
  if (found.isDirectory() && (await readdir(path)).length === 0) {
    throw new DataError(
      `--images ${path}: expected PNG pictures or a data set's files, found an empty folder: name another one`,
    );
  }
  const { name, classNames, ...sets } = await loadMnist(path);
  const images = atMost(sets[set], count);
  return { ...images, title: `${set} images of ${name}`, ...(classNames && { classNames }) };
}

/** A picture, or the images of an IDX or NPY file. */
async function fromFile(
  path: string,
  sizeBytes: number,
  { count }: ImageChoice,
  { channels }: ImageShape,
): Promise<ChosenImages> {
  checkFileSize(sizeBytes, path);
  const bytes = await readFile(path);
  const title = basename(path);
  if (isPng(bytes) || /\.png$/i.test(path)) {
    const { levels, ...size } = await readPng(bytes, path, channels);
    return { images: levels, count: 1, ...size, title, files: [title] };
  }
  const unpacked = await unpack(bytes, path);
  return { ...atMost(parseImages(unpacked, path), count), title };
}

async function fromPictures(
  folder: string,
  { paths, labels, classNames }: PictureFiles,
  { count, resize, size }: { count: number | undefined; resize: boolean; size: ImageShape },
): Promise<ChosenImages> {
  const chosen = { paths: paths.slice(0, count), ...(labels && { labels: labels.slice(0, count) }) };
  const images = await readPictures(chosen, size, { resize });
  const files = chosen.paths.map((path) => relative(folder, path));
  return { ...images, title: `pictures of ${basename(folder)}`, files, ...(classNames && { classNames }) };
}

function atMost(set: ImageSet, count: number | undefined): ImageSet {
  return count === undefined || count >= set.count ? set : takeFirst(set, count);
}

function scaled(set: ChosenImages, to: { rows: number; columns: number }): ChosenImages {
  const { images, count, rows, columns, channels = 1 } = set;
  const [from, length] = [imageLength(set), imageLength({ ...to, channels })];
  const result = new Uint8Array(count * length);
  for (let i = 0; i < count; i++) {
    const levels = images.subarray(i * from, (i + 1) * from);
    result.set(resized({ levels, rows, columns, channels }, to).levels, i * length);
  }
  return { ...set, images: result, rows: to.rows, columns: to.columns };
}
