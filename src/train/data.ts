import { type ImageSet, imageLength, showSize } from '../data/dataset.ts';
import type { BufferPool } from '../gpu/tensor.ts';
import { packImages } from '../kernels/gather.ts';
import type { ImageShape } from '../nn/tape.ts';
import { pixelsOf, type SettledModel } from './model.ts';
import type { PackedData } from './plan.ts';

/** The shape of a data set's images, as its training images have it. */
export function imageShapeOf({ rows, columns, channels = 1, labels }: ImageSet): ImageShape {
  let classes = 0;
  for (const label of labels ?? []) classes = Math.max(classes, label + 1);
  return { rows, columns, channels, classes };
}

/**
 * Uploads images, and their labels if the model looks at them.
 * @param operation whom an error is from
 * @throws RangeError if the images have another size than the model's, or a label is none of its classes
 */
export function packData(
  pool: BufferPool,
  label: string,
  set: ImageSet,
  model: SettledModel,
  operation: string,
): PackedData {
  const { images: shape, usesLabels, definition } = model;
  const size = imageLength(set);
  if (size !== pixelsOf(shape)) {
    const got = `${operation}: images of ${showSize(set)} have ${size} pixels`;
    throw new RangeError(`${got}, expected ${pixelsOf(shape)}: use images of the size that the model was made for`);
  }
  const packed = packImages(pool, label, set.images, size);
  if (!usesLabels) return packed;
  const { labels } = set;
  if (labels?.length !== packed.count) {
    const got = `${labels?.length ?? 'no'} labels, the model ${definition.kind} learns from them`;
    throw new RangeError(
      `${operation}: got ${got}, expected ${packed.count}, one for each image: use a data set with labels`,
    );
  }
  const isLabel = (value: unknown) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < shape.classes;
  const bad = Array.from(labels).findIndex((value) => !isLabel(value));
  const numbers = Uint32Array.from(labels);
  if (bad >= 0) {
    const got = `image ${bad} has the label ${labels[bad]}`;
    throw new RangeError(
      `${operation}: ${got}, expected whole numbers from 0 to less than ${shape.classes} as the training images have: use labels of the same kind`,
    );
  }
  const tensor = pool.tensor(`labels of ${label}`, [packed.count], { dtype: 'u32', data: numbers });
  return { ...packed, labels: tensor };
}
