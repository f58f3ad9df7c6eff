import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** The exit code that says so; a process that fails for another reason has another one. */
const NO_ADAPTER = 3;

let answer: Promise<boolean> | undefined;

/**
 * Whether Dawn finds an adapter with the system's drivers, asked in a process of its own, once. Where there is none, Dawn
 * prints warnings that look like failures ("vkCreateInstance failed with VK_ERROR_INCOMPATIBLE_DRIVER"), and the only way to
 * keep them out is another stderr.
 *
 * @returns true also where it cannot be asked
 */
export function systemHasAdapter(): Promise<boolean> {
  answer ??= ask();
  return answer;
}

function ask(): Promise<boolean> {
  const webgpu = pathToFileURL(createRequire(import.meta.url).resolve('webgpu')).href;
  const program = `
    const { create } = await import(${JSON.stringify(webgpu)});
    process.exit((await create([]).requestAdapter()) ? 0 : ${NO_ADAPTER});`;
  // In an Electron program execPath is Electron, which is Node where this variable says so.
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
  return new Promise((resolve) => {
    execFile(process.execPath, ['--input-type=module', '--eval', program], { env }, (error) =>
      resolve(error?.code !== NO_ADAPTER),
    );
  });
}
