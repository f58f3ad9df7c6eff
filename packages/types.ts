/** Declarations as other projects need them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Since version 6 TypeScript's own library has WebGPU's types, and those of the package would be there twice. */
const BEFORE_6 = '.ts5.d.ts';

/** Writes the declarations of the engine's package into a folder. */
export function writeTypes(target: string): void {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  const emitted = mkdtempSync(join(tmpdir(), 'webgpu-vae-types-'));
  try {
    execFileSync(process.execPath, [tsc, '--project', 'tsconfig.types.json', '--outDir', emitted], {
      cwd: ROOT,
      stdio: 'inherit',
    });
    const { files } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.types.json'), 'utf8')) as { files: string[] };
    copyTypes(join(emitted, 'src'), files, target);
  } finally {
    rmSync(emitted, { recursive: true });
  }
}

/**
 * Copies the declarations that the entries reach, with imports as Node and every setting of `moduleResolution` know them; beside
 * each entry another one for TypeScript before version 6.
 *
 * @param emitted where tsc put what it made of src
 * @param entries sources, `src/index.ts`
 * @throws for a declaration that names a package whose types users do not have
 */
function copyTypes(emitted: string, entries: readonly string[], target: string): void {
  const seen = new Set<string>();
  const place = (path: string, code: string): void => {
    const file = join(target, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, code);
  };
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    let code = readFileSync(join(emitted, path), 'utf8');
    const up = dirname(path) === '.' ? './' : '../'.repeat(dirname(path).split('/').length);
    code = code.replace(/(from '|import\(["'])([^'"]+)/g, (_, before: string, name: string) => {
      // What Node and the browser export under this name has the same types.
      const relative = name === '#host' ? `${up}host/browser.ts` : name;
      if (!relative.startsWith('.')) throw new Error(`types: ${path} names ${name}, whose types users do not have`);
      visit(join(dirname(path), relative.replace(/\.ts$/, '.d.ts')));
      return `${before}${relative.replace(/\.ts$/, '.js')}`;
    });
    place(path, code);
  };
  for (const entry of entries) {
    const path = entry.replace(/^src\//, '').replace(/\.ts$/, '.d.ts');
    visit(path);
    const reference = '/// <reference types="@webgpu/types" />';
    const all = `export * from './${basename(path, '.d.ts')}.js';`;
    place(path.replace('.d.ts', BEFORE_6), `${reference}\n${all}\n`);
  }
}
