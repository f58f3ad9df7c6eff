/** Folders of PNG pictures: which there are, of which class, and what is in them. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ImageSet, ImageSize, Labels } from '../data/dataset.ts';
import { DataError } from '../data/errors.ts';
import { type Picture, readPng } from '../data/png.ts';
import { resized } from '../data/resize.ts';
import { checkFileSize } from '../data/unpack.ts';

/** Pictures of one set, unread. */
export interface PictureFiles {
  paths: string[];
  /** The class of each, if they lay in a folder per class. */
  labels?: number[];
  /** What class c is called, unless folders are named by numbers. */
  classNames?: string[];
}

/** What a folder of pictures holds: a training and a test set, or pictures without such a split. */
export interface PictureFolder {
  train?: PictureFiles;
  test?: PictureFiles;
  all?: PictureFiles;
}

const TRAIN = /^(train|training)$/i;
const TEST = /^(test|testing|val|valid|validation|t10k)$/i;
const IS_PNG = /\.png$/i;

/**
 * Looks for pictures: in the folder itself, in a folder for each class, or in `train` and `test` with either in them.
 * @returns undefined if there are none
 * @throws the file system's error if the folder cannot be listed
 */
export async function findPictures(folder: string): Promise<PictureFolder | undefined> {
  const { pngs, folders } = await list(folder);
  const train = folders.find((path) => TRAIN.test(basename(path)));
  const test = folders.find((path) => TEST.test(basename(path)));
  if (pngs.length === 0 && train !== undefined) {
    const sets = await Promise.all([pictureSet(train), test === undefined ? undefined : pictureSet(test)]);
    return sets[0] && { train: sets[0], ...(sets[1] && { test: alike(sets[0], sets[1], test!) }) };
  }
  const all = await pictureSet(folder);
  return all && { all };
}

/** Pictures of a folder, or of folders by class. */
async function pictureSet(folder: string): Promise<PictureFiles | undefined> {
  const { pngs, folders } = await list(folder);
  if (pngs.length > 0) return { paths: pngs };
  const classes = await Promise.all(folders.map(async (path) => ({ path, pngs: (await list(path)).pngs })));
  const filled = classes.filter((each) => each.pngs.length > 0);
  if (filled.length === 0) return undefined;
  const names = filled.map(({ path }) => basename(path));
  const areNumbers = names.every((name) => /^\d{1,6}$/.test(name));
  return {
    paths: filled.flatMap((each) => each.pngs),
    labels: filled.flatMap((each, i) => each.pngs.map(() => (areNumbers ? Number(names[i]) : i))),
    ...(areNumbers ? {} : { classNames: names }),
  };
}

/** The test set with the training set's numbers for its classes. */
function alike(train: PictureFiles, test: PictureFiles, where: string): PictureFiles {
  if (!train.classNames || !test.classNames) return test;
  const places = test.classNames.map((name) => train.classNames!.indexOf(name));
  const missing = test.classNames.find((_, i) => places[i] === -1);
  if (missing !== undefined) {
    throw new DataError(
      `load data: ${where} has the class ${missing}, which the training images have not: use the same names`,
    );
  }
  return { ...test, labels: test.labels!.map((label) => places[label]!), classNames: train.classNames };
}

async function list(folder: string): Promise<{ pngs: string[]; folders: string[] }> {
  const entries = await readdir(folder, { withFileTypes: true });
  // 2.png comes before 10.png, whatever the machine's language is.
  const names = entries
    .filter(({ name }) => !name.startsWith('.'))
    .sort((a, b) => a.name.localeCompare(b.name, 'en-US', { numeric: true }) || (a.name < b.name ? -1 : 1));
  const paths = await Promise.all(
    names.map(async (entry) => {
      const path = join(folder, entry.name);
      const isFolder = entry.isSymbolicLink()
        ? await stat(path).then(
            (found) => found.isDirectory(),
            () => false,
          )
        : entry.isDirectory();
      return { path, isFolder };
    }),
  );
  return {
    pngs: paths.filter(({ path, isFolder }) => !isFolder && IS_PNG.test(path)).map(({ path }) => path),
    folders: paths.filter(({ isFolder }) => isFolder).map(({ path }) => path),
  };
}

/** A picture of a file. @throws DataError */
async function readPicture(path: string, channels: number): Promise<Picture> {
  let bytes: Uint8Array;
  try {
    checkFileSize((await stat(path)).size, path);
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    const reason = (error as Error).message.split(',')[0];
    throw new DataError(`read ${path}: expected a readable file, got ${reason}: check its permissions`, {
      cause: error,
    });
  }
  return readPng(bytes, path, channels);
}

/**
 * Reads pictures of one size.
 * @param size the size that all must have; without it that of the first one
 * @param options.resize scale those of another size
 * @param options.channels 3: in colour; without it, or `size`, grey
 * @throws DataError that names the first picture of another size, and both sizes
 */
export async function readPictures(
  { paths, labels }: PictureFiles,
  size?: ImageSize,
  options: { resize?: boolean; channels?: number } = {},
): Promise<ImageSet> {
  const channels = size?.channels ?? options.channels ?? 1;
  const first = await readPicture(paths[0]!, channels);
  const { rows, columns } = size ?? first;
  const images = new Uint8Array(paths.length * rows * columns * channels);
  for (const [i, path] of paths.entries()) {
    const picture = i === 0 ? first : await readPicture(path, channels);
    if (!options.resize && (picture.rows !== rows || picture.columns !== columns)) {
      const as = size ? '' : `, as ${basename(paths[0]!)} is`;
      throw new DataError(
        `read ${path}: it is ${picture.columns} x ${picture.rows} pixels, expected ${columns} x ${rows}${as}: ${size ? 'scale it with --resize' : 'make them one size'}`,
      );
    }
    images.set(resized(picture, { rows, columns }).levels, i * rows * columns * channels);
  }
  const set = { images, count: paths.length, rows, columns, ...(channels > 1 && { channels }) };
  return { ...set, ...(labels && { labels: labelArray(labels) }) };
}

function labelArray(labels: readonly number[]): Labels {
  const most = labels.reduce((a, b) => Math.max(a, b), 0);
  return most < 256 ? Uint8Array.from(labels) : Uint32Array.from(labels);
}
