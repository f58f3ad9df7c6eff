/** A data set from files that somebody chose. */
import { isZip, unpackNpz } from './arrays.ts';
import { DataError, type DataSet } from './dataset.ts';
import { type LoadOptions, missingPart, readMnist, type SourceFile } from './mnist.ts';
import { sortParts } from './part-names.ts';
import { checkFileSize } from './unpack.ts';

/**
 * Reads a data set from files that a visitor dropped or chose: MNIST's four, plain or packed, whatever was added to their
 * names, or as NumPy's arrays, one by one or in an NPZ. Labels may be missing.
 * @throws DataError when one is missing, unreadable or malformed
 */
export async function readFiles(files: readonly File[], options: LoadOptions = {}): Promise<DataSet> {
  const sources = files.map(
    (file): SourceFile => ({
      name: file.name,
      async read() {
        checkFileSize(file.size, file.name);
        try {
          return new Uint8Array(await file.arrayBuffer());
        } catch (error) {
          throw new DataError(
            `read ${file.name}: expected a readable file, got "${(error as Error).message}": choose it again`,
            { cause: error },
          );
        }
      },
    }),
  );
  const unpacked = await Promise.all(sources.map((file) => (file.name.endsWith('.npz') ? arraysOf(file) : [file])));
  const parts = sortParts(unpacked.flat(), 'among the files');
  const names = files.map(({ name }) => name);
  return readMnist(
    {
      name: parts.set || 'dropped files',
      of: (part) => parts.of(part),
      missing: (part) => missingPart(part, 'among the files', names, "give a data set's four files together"),
    },
    options,
  );
}

/** The arrays of an NPZ as files; anything else as it is. */
async function arraysOf(file: SourceFile): Promise<SourceFile[]> {
  const bytes = await file.read();
  if (!bytes || !isZip(bytes)) return [file];
  const arrays = await unpackNpz(bytes, file.name);
  return arrays.map(({ name, bytes: content }) => ({ name, read: async () => content }));
}
