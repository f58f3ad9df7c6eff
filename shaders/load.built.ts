const texts = new Map<string, string>();

/**
 * Puts a shader at hand and returns its name. In the built package each shader's name is such a call, marked as pure: a
 * bundler that drops the code which names the shader drops its text, too. See packages/shaders.ts.
 */
export function shader(file: string, text: string): string {
  texts.set(file, text);
  return file;
}

/** A name put together while running, which must be one of those: that keeps them all in the build. */
export function among(file: string, candidates: readonly string[]): string {
  if (candidates.includes(file)) return file;
  throw new Error(`shaders: ${file} is none of ${candidates.join(', ')}`);
}

/** The text of a shader file of this folder, in the built package. */
export function loadShader(file: string): string {
  const text = texts.get(file);
  if (text === undefined) throw new Error(`loadShader: ${file} is not in this build`);
  return text;
}
