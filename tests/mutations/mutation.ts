/** One deliberate mistake, and the tests that must notice it. */
export interface Mutation {
  /** What is wrong then, in words. Unique. */
  name: string;
  /** From the repository's root. */
  file: string;
  /** Occurs exactly once in the file. */
  search: string;
  replace: string;
  target: Target;
  /** The adapter that runs the code in question; without it every one does. */
  on?: 'lavapipe' | 'swiftshader';
}

/** The tests, as few as possible: a spec of the project `node`, and what of its titles. */
export interface Target {
  spec: string;
  /** A regular expression; all tests of the spec without it. */
  grep?: string;
}

/** Accuracy checks of src/check whose names match. */
export function checks(grep: string): Target {
  return { spec: 'tests/kernels/kernels.spec.ts', grep };
}

/** A whole golden run: `wide [subgroup]`. */
export function golden(run: string): Target {
  return { spec: 'tests/vae/golden.spec.ts', grep: run.replace(/[[\]]/g, '\\$&') };
}

export const EVALUATION: Target = { spec: 'tests/vae/evaluation.spec.ts', grep: 'evaluation gives' };
export const ENCODE: Target = { spec: 'tests/vae/evaluation.spec.ts', grep: 'encode gives' };
export const DECODE: Target = { spec: 'tests/vae/evaluation.spec.ts', grep: 'decode gives' };
/** Whole steps of the smallest model with two hidden layers, with their own noise and order. */
export const STEP = checks('vae step \\[tile_32x32\\] \\(12-7-5-2');

/** Settings of training and of the VAE, and labels, against float64. */
export function settings(grep: string): Target {
  return { spec: 'tests/train/settings.spec.ts', grep };
}

/** @throws Error if the text to be replaced is not there exactly once */
export function mutate({ name, file, search, replace }: Mutation, text: string): string {
  const found = text.split(search).length - 1;
  if (found !== 1) {
    throw new Error(
      `mutation "${name}": its text occurs ${found} times in ${file}, expected once: say in tests/mutations where that code is now`,
    );
  }
  return text.replace(search, () => replace);
}
