import { ENGINE_MUTATIONS } from './engine.ts';
import type { Mutation } from './mutation.ts';
import { SHADER_MUTATIONS } from './shaders.ts';

/** Every mistake that the tests must notice. */
export const MUTATIONS: readonly Mutation[] = [...SHADER_MUTATIONS, ...ENGINE_MUTATIONS];
