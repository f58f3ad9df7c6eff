/** What the classes of well-known data sets are called. */

const DIGITS = [...'0123456789'];
const UPPER = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
const LOWER = [...'abcdefghijklmnopqrstuvwxyz'];

/** Zalando's names: https://github.com/zalandoresearch/fashion-mnist. */
const FASHION = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
];

/**
 * EMNIST's classes: G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to handwritten letters",
 * arXiv:1702.05373 (2017), and the mapping files that come with it. `letters` counts from 1 and does not tell upper from
 * lower case; `balanced` and `bymerge` do so only for letters whose two forms differ.
 */
const EMNIST: Record<string, readonly string[]> = {
  letters: ['', ...UPPER],
  balanced: [...DIGITS, ...UPPER, ...'abdefghnqrt'],
  bymerge: [...DIGITS, ...UPPER, ...'abdefghnqrt'],
  byclass: [...DIGITS, ...UPPER, ...LOWER],
};

/** The names by class, or undefined for a data set that is not known by its name. */
export function classNamesOf(name: string): readonly string[] | undefined {
  if (/fashion/i.test(name)) return FASHION;
  const split = /emnist.*(letters|balanced|bymerge|byclass)/i.exec(name)?.[1];
  return split === undefined ? undefined : EMNIST[split.toLowerCase()];
}
