/** MNIST's four files: how they are named, and how they become a data set. Where the bytes come from is the host's part. */
import { type DataSet, imageSet, makeDataSet } from './dataset.ts';

export const PARTS = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
] as const;

/** One of MNIST's four files, by its original name without `.gz`. */
export type MnistPart = (typeof PARTS)[number];

/** Unpacked contents of a file. */
export interface NamedBytes {
  /** The file's name or address, for messages. */
  name: string;
  bytes: Uint8Array;
}

/**
 * Larger files are refused before they are unpacked, so that a small gzip bomb cannot fill the memory. 1 GiB is 21 times
 * MNIST, and more than one storage buffer of a GPU usually holds.
 */
export const MAX_FILE_BYTES = 2 ** 30;

/**
 * The names under which a part may be found: plain before packed, the original name before the variant with a dot
 * (`train-images.idx3-ubyte`) that some mirrors use.
 */
export function candidateNames(part: MnistPart): string[] {
  const dotted = part.replace('-idx', '.idx');
  return [part, dotted, `${part}.gz`, `${dotted}.gz`];
}

/**
 * Reads and joins the four files.
 * @param name the data set's name
 * @param read returns a part's unpacked bytes, or throws a DataError
 * @throws DataError when a file is malformed or the four do not belong together
 */
export async function readMnist(name: string, read: (part: MnistPart) => Promise<NamedBytes>): Promise<DataSet> {
  const [trainImages, trainLabels, testImages, testLabels] = (await Promise.all(PARTS.map(read))) as [
    NamedBytes,
    NamedBytes,
    NamedBytes,
    NamedBytes,
  ];
  const join = (images: NamedBytes, labels: NamedBytes) =>
    imageSet(images.bytes, labels.bytes, { images: images.name, labels: labels.name });
  return makeDataSet(name, join(trainImages, trainLabels), join(testImages, testLabels));
}
