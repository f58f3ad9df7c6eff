import type { WgslModule } from '../gpu/compile.ts';
import { modulesOf } from './shaders.ts';

/** Helpers that kernels build on; each file's header says what it defines and what it needs before it. */
const LIBRARY = [
  'element_scalar.wgsl',
  'element_vec4.wgsl',
  'elementwise.wgsl',
  'normal.wgsl',
  'philox.wgsl',
  'sink.wgsl',
  'state.wgsl',
  'step_schedule.wgsl',
  'workgroup_sum.wgsl',
];

/**
 * The package's helpers as modules, for kernels of your own that build on them: `element_index` of `elementwise.wgsl`,
 * random numbers of `philox.wgsl` and `normal.wgsl`, `workgroup_sum.wgsl` and so on, in the folder `shaders`.
 *
 * @throws RangeError for a file that is none of them
 */
export function shaderModules(files: readonly string[]): WgslModule[] {
  const stranger = files.find((file) => !LIBRARY.includes(file));
  if (stranger === undefined) return modulesOf(files);
  throw new RangeError(`shaderModules: got ${stranger}, expected one of ${LIBRARY.join(', ')}`);
}
