import { ENGINE_MUTATIONS } from './engine.ts';
import type { Mutation } from './mutation.ts';
import { PRODUCT_MUTATIONS } from './products.ts';
import { SHADER_MUTATIONS } from './shaders.ts';
import { TAPE_MUTATIONS } from './tape.ts';

/** Every mistake that the tests must notice. */
export const MUTATIONS: readonly Mutation[] = [
  ...SHADER_MUTATIONS,
  ...PRODUCT_MUTATIONS,
  ...ENGINE_MUTATIONS,
  ...TAPE_MUTATIONS,
];
