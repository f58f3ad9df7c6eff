/** Images and labels as NumPy arrays: `x_train.npy`, or a whole data set in one NPZ, as Keras ships MNIST. */
import { DataError } from './errors.ts';
import { arrangeImages, type IdxImages, type Labels, parseIdxImages, parseIdxLabels } from './idx.ts';
import { isNpy, type NpyArray, parseNpy } from './npy.ts';
import { MAX_FILE_BYTES, type NamedBytes } from './unpack.ts';

/** The images of an IDX file or of a NumPy array, whichever it is. @throws DataError */
export function parseImages(bytes: Uint8Array, name: string): IdxImages {
  return isNpy(bytes) ? imagesOf(parseNpy(bytes, name), name) : parseIdxImages(bytes, name);
}

/** The labels of an IDX file or of a NumPy array, whichever it is. @throws DataError */
export function parseLabels(bytes: Uint8Array, name: string): Labels {
  return isNpy(bytes) ? labelsOf(parseNpy(bytes, name), name) : parseIdxLabels(bytes, name);
}

function imagesOf({ dtype, shape, data }: NpyArray, name: string): IdxImages {
  const fail = (got: string, remedy: string): never => {
    throw new DataError(`read images: ${name} has ${got}, expected unsigned bytes (count, rows, columns): ${remedy}`);
  };
  if (dtype !== '|u1') {
    const remedy = /^.f/.test(dtype)
      ? 'levels from 0 to 1 become bytes by (255 * x).round().astype("uint8")'
      : 'save x.astype("uint8")';
    fail(`elements of type ${dtype}`, remedy);
  }
  if ((shape.length !== 3 && shape.length !== 4) || data.length === 0) {
    fail(`the shape (${shape.join(', ')})`, 'save x.reshape(-1, rows, columns)');
  }
  return arrangeImages(data, shape, name);
}

/** How elements of NumPy's integer types are read, by the type without its byte order. */
const INTEGERS: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  u1: (view, at) => view.getUint8(at),
  i1: (view, at) => view.getInt8(at),
  u2: (view, at) => view.getUint16(at, true),
  i2: (view, at) => view.getInt16(at, true),
  u4: (view, at) => view.getUint32(at, true),
  i4: (view, at) => view.getInt32(at, true),
  u8: (view, at) => Number(view.getBigUint64(at, true)),
  i8: (view, at) => Number(view.getBigInt64(at, true)),
};

function labelsOf({ dtype, shape, data }: NpyArray, name: string): Labels {
  const read = dtype.startsWith('>') ? undefined : INTEGERS[dtype.slice(1)];
  const isList = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  if (!read || !isList) {
    throw new DataError(
      `read labels: ${name} has the type ${dtype} and the shape (${shape.join(', ')}), expected integers (count): save one class for each image, as y.astype("uint8")`,
    );
  }
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const width = Number(dtype[2]);
  const labels = Uint32Array.from({ length: data.length / width }, (_, i) => {
    const label = read(view, width * i);
    if (label < 0 || label >= 2 ** 32) {
      throw new DataError(
        `read labels: ${name} has the label ${label} at image ${i}, expected 0 or more: number the classes from 0, or leave the file away`,
      );
    }
    return label;
  });
  return labels.every((label) => label < 256) ? Uint8Array.from(labels) : labels;
}

export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 0x03 && bytes[3] === 0x04;
}

/**
 * The arrays in an NPZ, which is a ZIP archive of NPY files.
 * @returns an empty list of a ZIP archive of something else
 * @throws DataError when it is broken, or too large unpacked
 */
export async function unpackNpz(bytes: Uint8Array, name: string): Promise<NamedBytes[]> {
  const { unzipSync } = await import('fflate');
  let total = 0;
  try {
    const files = unzipSync(bytes, {
      filter: (file) => {
        if (!file.name.endsWith('.npy')) return false;
        total += file.originalSize;
        if (total > MAX_FILE_BYTES) {
          throw new DataError(
            `unpack ${name}: expected at most ${MAX_FILE_BYTES} bytes, got more: use a smaller data set`,
          );
        }
        return true;
      },
    });
    return Object.entries(files).map(([entry, content]) => ({ name: `${name}/${entry}`, bytes: content }));
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`unpack ${name}: expected a whole ZIP archive, got one that is broken: get it again`, {
      cause: error,
    });
  }
}
