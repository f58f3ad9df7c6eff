const files: Record<string, string> = import.meta.glob('./*.wgsl', { query: '?raw', import: 'default', eager: true });

/** The text of a shader file of this folder, bundled by Vite. */
export function loadShader(file: string): string {
  const text = files[`./${file}`];
  if (text === undefined) throw new Error(`loadShader: there is no shaders/${file}`);
  return text;
}
