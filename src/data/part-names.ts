/** Which of a data set's four files a name stands for, under the many names that people have them. */
import { DataError } from './errors.ts';

export const PARTS = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
] as const;

/** One of the four files, by MNIST's original name without `.gz`. */
export type MnistPart = (typeof PARTS)[number];

/** What a file's name says. */
export interface PartName {
  /** What stands before the part's name, as in `emnist-letters-train-images-idx3-ubyte`; in lower case, often empty. */
  set: string;
  part: MnistPart;
}

/** What packing, browsers and file managers put at a name's end: `.gz`, ` (1)`, `.1`, ` - Copy`. */
const ADDED = /(?:\.gz|\.gzip|[ ._-]*\(\d+\)|\.\d{1,3}|[ _-]+copy)$/;
const NAME =
  /^(?:(?<set>.*[^-_. ])[-_. ]+)?(?<split>train|training|t10k|test)[-_. ]+(?<kind>image|label)s?(?:[-_. ]*(?:idx\d?|ubyte|byte|u?int\d*|raw|bin|dat|npy))*$/;
/** As Keras names its arrays: `x_train.npy`. */
const KERAS_NAME = /^(?:(?<set>.*[^-_. ])[-_. ]+)?(?<axis>[xy])[-_. ]?(?<split>train|test)(?:\.npy)?$/;

/** The part that a file's name stands for, with or without folders before it, in upper or lower case. */
export function partOf(name: string): PartName | undefined {
  let rest = baseName(name).toLowerCase();
  for (let before = ''; before !== rest; ) {
    before = rest;
    rest = rest.replace(ADDED, '');
  }
  const keras = KERAS_NAME.exec(rest)?.groups;
  const {
    set = '',
    split,
    kind,
  } = NAME.exec(rest)?.groups ?? (keras && { ...keras, kind: keras.axis === 'x' ? 'image' : 'label' }) ?? {};
  if (split === undefined) return undefined;
  const part = PARTS.find((each) => each.startsWith(`${split.startsWith('train') ? 'train' : 't10k'}-${kind}`));
  return part && { set, part };
}

/** The names under which a part may be found where nothing lists them: plain before packed, the original one first. */
export function candidateNames(part: MnistPart): string[] {
  const dotted = part.replace('-idx', '.idx');
  return [part, dotted, `${part}.gz`, `${dotted}.gz`];
}

/** Whether any of these names is that of training images. */
export function hasTrainImages(names: readonly string[]): boolean {
  return names.some((name) => partOf(name)?.part === PARTS[0]);
}

/** Files of one data set, by part; several of a part in the order in which they are to be tried. */
export interface PartFiles<T> {
  /** The set's own name, as in `emnist-letters`; often empty. */
  set: string;
  of(part: MnistPart): T[];
}

/**
 * Sorts files into the parts of one data set. Files with nothing before their part's name come first; else all have to have
 * the same before it.
 * @param where they were found, for messages: "in data/"
 * @param set the set to take
 * @throws DataError when there are files of several sets
 */
export function sortParts<T extends { name: string }>(files: readonly T[], where: string, set?: string): PartFiles<T> {
  const found = files.flatMap((file) => {
    const name = partOf(file.name);
    return name ? [{ file, ...name }] : [];
  });
  const sets = [...new Set(found.filter(({ part }) => part === PARTS[0]).map((each) => each.set))].sort();
  const chosen = set ?? (sets.includes('') ? '' : sets[0]);
  if (set === undefined && chosen !== '' && sets.length > 1) {
    throw new DataError(
      `load data: expected the files of one data set ${where}, found those of ${sets.join(', ')}: give one of them alone`,
    );
  }
  const own = found.filter((each) => each.set === (chosen ?? ''));
  return {
    set: chosen ?? '',
    of: (part) =>
      own
        .filter((each) => each.part === part)
        .map(({ file }) => file)
        .sort((a, b) => compareNames(part, a.name, b.name)),
  };
}

/** Original names in the order of `candidateNames`, then the others, the ones with the least added first. */
function compareNames(part: MnistPart, a: string, b: string): number {
  const order = (name: string): number => {
    const at = candidateNames(part).findIndex((candidate) => baseName(name).endsWith(candidate));
    return at < 0 ? Number.POSITIVE_INFINITY : at;
  };
  const [first, second] = [order(a), order(b)];
  if (first !== second) return first - second;
  return a.length - b.length || (a < b ? -1 : 1);
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}
