/** Declarations as other projects need them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Packages whose types the public ones may name: what else they named would have to be installed with them. */
const ALLOWED = ['@webgpu/types'];
const REFERENCE = '/// <reference types="@webgpu/types" />\n';

/**
 * Copies the declarations that the entries reach, with imports as Node and every setting of `moduleResolution` know them.
 *
 * @param emitted where tsc put what it made of src
 * @param entries sources, `src/index.ts`
 * @throws for a declaration that names a package whose types users do not have
 */
export function copyTypes(emitted: string, entries: readonly string[], target: string): void {
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    let code = readFileSync(join(emitted, path), 'utf8');
    const up = dirname(path) === '.' ? './' : '../'.repeat(dirname(path).split('/').length);
    code = code.replace(/(from '|import\(["'])([^'"]+)/g, (_, before: string, name: string) => {
      if (ALLOWED.includes(name)) return `${before}${name}`;
      // What Node and the browser export under this name has the same types.
      const relative = name === '#host' ? `${up}host/browser.ts` : name;
      if (!relative.startsWith('.')) throw new Error(`types: ${path} names ${name}, whose types users do not have`);
      visit(join(dirname(path), relative.replace(/\.ts$/, '.d.ts')));
      return `${before}${relative.replace(/\.ts$/, '.js')}`;
    });
    const file = join(target, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, /\bGPU[A-Z]\w*/.test(code) ? REFERENCE + code : code);
  };
  for (const entry of entries) visit(entry.replace(/^src\//, '').replace(/\.ts$/, '.d.ts'));
}
