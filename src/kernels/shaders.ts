import { loadShader } from '#shaders';
import type { Kernel, WgslModule } from '../gpu/compile.ts';
import type { Device } from '../gpu/device.ts';
import { createKernel } from '../gpu/kernel.ts';

/** The text of one file: for what draws, whose pipelines are no kernels. */

/**
 * Files of the folder `shaders` as modules. A file is named by a literal: the built package holds those shaders whose names
 * stand in code that is used (packages/shaders.ts).
 */
export function modulesOf(files: readonly string[]): WgslModule[] {
  return files.map((file) => ({ name: file.replace('.wgsl', ''), file: `shaders/${file}`, code: loadShader(file) }));
}

/** A kernel that consists of such files, see `createKernel`. */
export function packagedKernel(
  device: Device,
  files: readonly string[],
  constants: Record<string, number> = {},
): Kernel {
  return createKernel(device, modulesOf(files), constants);
}
