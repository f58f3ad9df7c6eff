/** Data sets in MNIST's four files: how those become images and labels. Where the bytes come from is the host's part. */
import { parseImages } from './arrays.ts';
import { classNamesOf } from './class-names.ts';
import { type DataSet, type ImageSet, labelsOf, makeDataSet, takeFirst } from './dataset.ts';
import { DataError, TestSizeError } from './errors.ts';
import type { IdxImages, Labels } from './idx.ts';
import { type MnistPart, PARTS } from './part-names.ts';
import { setAside, transposed } from './split.ts';
import { type NamedBytes, unpack } from './unpack.ts';

/** What is done with a data set's files besides reading them. */
export interface LoadOptions {
  /**
   * Test images: the first ones of the test files or, where there are none, as many drawn from the training images, which
   * are then not trained on (`setAside` says which). Default: the whole test file, which then has to be there.
   */
  testSize?: number;
  /** Exchanges rows and columns of every image: EMNIST's files have them so. Default false. */
  transpose?: boolean;
  /** In a browser told how much of all files has arrived, from 0 to 1, once that is known. */
  onProgress?: (part: number) => void;
}

/** A file that may hold a part of a data set. */
export interface SourceFile {
  /** Its name or address, for messages. */
  name: string;
  /** Its bytes, packed or not, whatever its name says; undefined if there is no such file after all. */
  read(): Promise<Uint8Array | undefined>;
}

/** Where a data set's files are. */
export interface Source {
  /** The data set's name. */
  name: string;
  /** Files for a part, in the order in which they are to be tried: the first good one is taken. */
  of(part: MnistPart): SourceFile[];
  /** The error for a part of which there is no file. */
  missing(part: MnistPart): DataError;
}

/**
 * Reads a data set from up to four files. Labels may be missing, and test images where `testSize` says how many training
 * images take their place.
 * @throws DataError when a file is missing or malformed, or the files do not belong together
 * @throws TestSizeError when there are fewer images than `testSize`
 */
export async function readMnist(source: Source, options: LoadOptions = {}): Promise<DataSet> {
  const [train, test] = await Promise.all([readSet(source, PARTS[0], PARTS[1]), readSet(source, PARTS[2], PARTS[3])]);
  if (!train) throw source.missing(PARTS[0]);
  return joinSets({ train, ...(test && { test }) }, source, options);
}

/**
 * A training set and, unless images are set aside for it, a test set as one data set.
 * @throws DataError when they do not belong together or there is no test set; TestSizeError
 */
export function joinSets(
  { train, test }: { train: ImageSet; test?: ImageSet },
  source: Pick<Source, 'name' | 'missing'>,
  options: LoadOptions,
): DataSet {
  const parts = withTest(source, train, test, options.testSize);
  const { name } = source;
  const turn = (set: ImageSet): ImageSet => (options.transpose ? transposed(set) : set);
  const data = makeDataSet(name, turn(parts.train), turn(parts.test));
  const classNames = classNamesOf(name);
  const fits = ({ labels }: ImageSet): boolean => labels?.every((label) => label < classNames!.length) ?? true;
  return classNames && fits(data.train) && fits(data.test) ? { ...data, classNames } : data;
}

function withTest(
  source: Pick<Source, 'missing'>,
  train: ImageSet,
  test: ImageSet | undefined,
  testSize: number | undefined,
): { train: ImageSet; test: ImageSet } {
  if (!test) {
    if (testSize === undefined) throw source.missing(PARTS[2]);
    return setAside(train, testSize);
  }
  if (testSize === undefined) return { train, test };
  if (testSize > test.count) {
    throw new TestSizeError(
      `take test images: expected at most ${test.count}, got ${testSize}: ask for a number in that range`,
    );
  }
  return { train, test: takeFirst(test, testSize) };
}

/** Images and, if there are any, their labels; undefined if there are no images. */
async function readSet(source: Source, imagePart: MnistPart, labelPart: MnistPart): Promise<ImageSet | undefined> {
  const images = firstGood(source.of(imagePart), ({ name, bytes }): IdxImages & { name: string } => ({
    name,
    ...parseImages(bytes, name),
  }));
  const labels = firstGood(source.of(labelPart), async ({ name, bytes }): Promise<Labels | undefined> => {
    const of = await images;
    return of && labelsOf(of.count, bytes, { images: of.name, labels: name });
  });
  const [found, classes] = await Promise.all([images, labels]);
  if (!found) return undefined;
  const { name: _, ...set } = found;
  return classes ? { ...set, labels: classes } : set;
}

/**
 * What `parse` makes of the first file that is good: a broken download may lie beside its repetition.
 * @throws DataError what is wrong with the first file if none is good
 */
async function firstGood<T>(
  files: readonly SourceFile[],
  parse: (file: NamedBytes) => T | Promise<T>,
): Promise<T | undefined> {
  let trouble: DataError | undefined;
  for (const { name, read } of files) {
    try {
      const bytes = await read();
      if (bytes) return await parse({ name, bytes: await unpack(bytes, name) });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      trouble ??= error;
    }
  }
  if (trouble) throw trouble;
  return undefined;
}

/** The error for a part that is missing; `found` are names of what there is instead. */
export function missingPart(part: MnistPart, where: string, found: readonly string[], remedy: string): DataError {
  const shown = found.slice(0, 8).map((name) => name.slice(0, 60));
  const more = found.length > shown.length ? ` and ${found.length - shown.length} more` : '';
  return new DataError(
    `load data: expected ${part}, plain or .gz, ${where}, found ${shown.join(', ') || 'none'}${more}: ${remedy}`,
  );
}
