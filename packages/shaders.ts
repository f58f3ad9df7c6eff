/** Shaders as modules: a bundler plugin that turns their names in the sources into imports. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'rolldown';

const FOLDER = fileURLToPath(new URL('../shaders', import.meta.url));
const LOADER = join(FOLDER, 'load.built.ts');
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.wgsl'));

/** Of shader names put together while running (`tile_${size}.wgsl`): more are a name that says nothing. */
const MOST_CANDIDATES = 4;

const identifier = (file: string): string => `shader_${file.replace('.wgsl', '')}`;

/**
 * Every string `'<name>.wgsl'` of a source becomes an import of a module that has the shader's text and whose value is the
 * same string; a template that names one of several imports all of them. Lines stay where they are.
 *
 * @throws for a name that no file of `shaders` has
 */
export function importShaders(code: string, id: string): string {
  const used = new Set<string>();
  const wanted = (file: string): string => {
    if (!FILES.includes(file)) throw new Error(`${id}: there is no shaders/${file}`);
    used.add(file);
    return identifier(file);
  };
  const withNames = code.replace(/'([a-z0-9_]+\.wgsl)'/g, (_, file: string) => wanted(file));
  const withAll = withNames.replace(/`((?:[a-z0-9_]|\$\{[^}`]+\})+\.wgsl)`/g, (template, pattern: string) => {
    if (!pattern.includes('${')) return template;
    const parts = pattern.split(/\$\{[^}]+\}/).map((part) => part.replace('.', '\\.'));
    const candidates = FILES.filter((file) => new RegExp(`^${parts.join('[a-z0-9]+')}$`).test(file));
    if (candidates.length === 0 || candidates.length > MOST_CANDIDATES) {
      throw new Error(
        `${id}: ${template} may be ${candidates.length} shaders, expected 1 to ${MOST_CANDIDATES}: name them`,
      );
    }
    used.add('');
    return `among(${template}, [${candidates.map(wanted).join(', ')}])`;
  });
  if (used.size === 0) return code;
  const from = (path: string) => JSON.stringify(relative(dirname(id), path).replace(/^(?!\.)/, './'));
  const imports = [...used].map((file) =>
    file === ''
      ? `import { among } from ${from(LOADER)};`
      : `import ${identifier(file)} from ${from(join(FOLDER, file))};`,
  );
  return `${withAll}\n${imports.join('\n')}\n`;
}

/**
 * WGSL as short as it gets with every line where it was: the compiler's errors name lines. Half of what a page loads for its
 * shaders would be comments. WGSL has no strings, so `//` always begins one.
 */
export function withoutComments(code: string, file: string): string {
  if (code.includes('/*')) throw new Error(`shaders/${file}: expected comments that begin with //`);
  return code.replace(/[ \t]*\/\/.*$/gm, '').replace(/^[ \t]+|[ \t]+$/gm, '');
}

/** The plugin: sources name shaders, shaders are modules. */
export function shaderPlugin(): Plugin {
  return {
    name: 'webgpu-vae-shaders',
    load: {
      filter: { id: /\.wgsl$/ },
      handler(id) {
        const file = relative(FOLDER, id);
        const text = JSON.stringify(withoutComments(readFileSync(id, 'utf8'), file));
        const code = `import { shader } from './load.built.ts';\nexport default /* @__PURE__ */ shader('${file}', ${text});\n`;
        return { code, moduleType: 'js', moduleSideEffects: false };
      },
    },
    transform: {
      filter: { id: /[\\/]src[\\/].*\.ts$/ },
      handler(code, id) {
        return { code: importShaders(code, id), map: null };
      },
    },
  };
}
