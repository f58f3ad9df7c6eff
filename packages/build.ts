/**
 * `npm run build:lib`: makes the two packages that are published, in build/webgpu-vae and build/webgpu-vae-cli. Every entry is
 * bundled with what it imports of other packages' small parts, so that nothing else is installed with it; native code and
 * data stay packages of their own.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';
import { minifySync, parseSync } from 'rolldown/utils';
import { shaderPlugin } from './shaders.ts';
import { writeTypes } from './types.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUILD = join(ROOT, 'build');

/** The engine's public entries. What `#host` is depends on who asks, so the first has a form for Node and one for browsers. */
const ENTRIES = {
  'index.node': 'src/index.ts?node',
  'index.browser': 'src/index.ts?browser',
  nn: 'src/nn/index.ts',
  kernels: 'src/kernels/index.ts',
  train: 'src/train/index.ts',
  check: 'src/check/index.ts',
  node: 'src/node.ts',
};

type Manifest = Record<'name' | 'version', string> &
  Partial<Record<'dependencies' | 'devDependencies' | 'peerDependencies', Record<string, string>>>;

const readJson = (path: string): Manifest => JSON.parse(readFileSync(path, 'utf8')) as Manifest;

const own = readJson(join(ROOT, 'package.json'));
const ranges = { ...own.devDependencies, ...own.dependencies };

/** Writes a package's manifest: version and the ranges of what it depends on are those of the repository. */
function writeManifest(source: string, folder: string): Manifest {
  const manifest = readJson(join(ROOT, source, 'package.json'));
  for (const field of ['dependencies', 'peerDependencies'] as const) {
    for (const name of Object.keys(manifest[field] ?? {})) {
      const range = ranges[name];
      if (range === undefined) throw new Error(`${source}: package.json of the repository does not have ${name}`);
      manifest[field]![name] = range;
    }
  }
  const { name, ...rest } = manifest;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ name, ...rest, version: own.version }, null, 2)}\n`);
  for (const file of ['LICENSE', 'CHANGELOG.md']) cpSync(join(ROOT, file), join(folder, file));
  cpSync(join(ROOT, source, 'README.md'), join(folder, 'README.md'));
  return manifest;
}

/** `#host` as its importer's query says, else Node's; the sources of an entry that has such a query. */
const hostPlugin: Plugin = {
  name: 'webgpu-vae-host',
  resolveId(id, importer) {
    const host = importer?.endsWith('?browser') ? 'browser' : 'node';
    if (id === '#host') return join(ROOT, `src/host/${host}.ts`);
    if (/\.ts\?(node|browser)$/.test(id)) return join(ROOT, id);
    return undefined;
  },
  load(id) {
    const [path, query] = id.split('?');
    return query === undefined ? undefined : { code: readFileSync(path!, 'utf8'), moduleType: 'ts' };
  },
};

/** Outside of the repository there are no scripts to name in a message: its commands are the other package's. */
const commandPlugin: Plugin = {
  name: 'webgpu-vae-commands',
  transform: {
    filter: { id: /[\\/]src[\\/](cli|host)[\\/].*\.ts$/ },
    handler: (code) => ({
      code: code.replace(/npm run (setup|doctor|tune|train)( --)?/g, 'npx webgpu-vae-cli $1'),
      map: null,
    }),
  },
};

/** `vendor/<package>` for another package's module. */
function foreignChunk(id: string): string | null {
  const name = packageOf(id);
  return name === undefined ? null : `${FOREIGN}${name.replace(/^@/, '').replace('/', '-')}`;
}

/** The package that a module is of, undefined for our own. */
function packageOf(id: string): string | undefined {
  const marker = `node_modules${sep}`;
  if (!id.includes(marker)) return undefined;
  const [first = '', second = ''] = id.slice(id.lastIndexOf(marker) + marker.length).split(sep);
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/** Bundles entries into a folder. Names stay as they are; source maps have our sources, not those of other packages. */
async function bundle(
  input: Record<string, string>,
  folder: string,
  sha256: 'built' | 'node',
  external: readonly string[],
  chunks: string,
): Promise<string[]> {
  const build = await rolldown({
    cwd: ROOT,
    input,
    platform: sha256 === 'node' ? 'node' : 'browser',
    external: (id) => id.startsWith('node:') || external.some((name) => id === name || id.startsWith(`${name}/`)),
    resolve: {
      alias: {
        '#shaders': join(ROOT, 'shaders/load.built.ts'),
        '#sha256': join(ROOT, `src/host/sha256.${sha256}.ts`),
      },
    },
    plugins: [hostPlugin, shaderPlugin(), commandPlugin],
    // How long a plugin took is no fault of the bundle: on a busy machine it is long.
    checks: { bundlerTimings: false },
    onLog(level, log) {
      if (level === 'warn') throw new Error(`bundle ${folder}: ${log.message}`);
    },
  });
  const { output } = await build.write({
    dir: folder,
    format: 'esm',
    sourcemap: true,
    entryFileNames: '[name].js',
    chunkFileNames: ({ name }) => (name.startsWith(FOREIGN) ? '[name].js' : chunks),
    codeSplitting: { groups: [{ debugName: 'packages', name: (id) => foreignChunk(id) }] },
    minify: { mangle: false, compress: false, codegen: { removeWhitespace: true } },
  });
  await build.close();
  for (const file of output) {
    const path = join(folder, file.fileName);
    if (file.type === 'asset') withoutSources(path);
    else if (file.fileName.startsWith(FOREIGN)) shrink(path);
  }
  return output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []));
}

/** Where other packages' code is put, a file for each. */
const FOREIGN = 'vendor/';

/** Other packages publish their sources themselves: names are shortened, and there is no map. */
function shrink(path: string): void {
  const code = readFileSync(path, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
  const options = { compress: false, mangle: true, codegen: { removeWhitespace: true }, module: true };
  const { code: short, errors } = minifySync(path, code, options);
  if (errors.length > 0) throw new Error(`shrink ${path}: ${errors[0]!.message}`);
  writeFileSync(path, short);
  rmSync(`${path}.map`);
}

/** Sources that a source map names without their text: a shader is readable in the code itself, and few step through the checks. */
const NAMED_ONLY = /\.wgsl$|\/src\/check\//;

/** A source with every line and column where it was: the declarations have the comments, too. */
function uncommented(code: string, name: string): string {
  let text = code;
  for (const { start, end } of parseSync(name, code).comments.toReversed()) {
    const blank = code.slice(start, end).replace(/[^\n]/g, ' ');
    text = text.slice(0, start) + blank + text.slice(end);
  }
  return text.replace(/[ ]+$/gm, '');
}

function withoutSources(path: string): void {
  if (!existsSync(path)) return;
  const map = JSON.parse(readFileSync(path, 'utf8')) as { sources: string[]; sourcesContent: string[] };
  const contents = map.sources.map((source, i) =>
    NAMED_ONLY.test(source) ? null : uncommented(map.sourcesContent[i]!, source),
  );
  Object.assign(map, { sourcesContent: contents });
  writeFileSync(path, JSON.stringify(map));
}

/** The licences of the packages whose code is in a bundle, as these ask for. */
function writeNotices(moduleIds: readonly string[], folder: string): void {
  const packages = new Set(moduleIds.flatMap((id) => packageOf(id) ?? []));
  const notices = [...packages].sort().map((name) => {
    const at = join(ROOT, 'node_modules', name);
    const { version } = readJson(join(at, 'package.json'));
    const text = ['LICENSE', 'LICENSE.md'].flatMap((file) => {
      try {
        return [readFileSync(join(at, file), 'utf8').trim()];
      } catch {
        return [];
      }
    })[0];
    if (text === undefined) throw new Error(`build: ${name} has no LICENSE to go with its code`);
    return `${name} ${version}\n\n${text}\n`;
  });
  writeFileSync(join(folder, 'THIRD-PARTY-NOTICES'), notices.join('\n---\n\n'));
}

async function buildEngine(): Promise<void> {
  const folder = join(BUILD, 'webgpu-vae');
  const { peerDependencies = {} } = writeManifest('packages/engine', folder);
  const modules = await bundle(
    ENTRIES,
    join(folder, 'dist'),
    'built',
    Object.keys(peerDependencies),
    'shared/[name]-[hash].js',
  );
  writeNotices(modules, folder);
  writeTypes(join(folder, 'dist/types'));
}

async function buildCommandLine(): Promise<void> {
  const folder = join(BUILD, 'webgpu-vae-cli');
  const { dependencies = {} } = writeManifest('packages/cli', folder);
  // Every file in lib/cli, for each is as far from the package's root as src/cli is from the repository's.
  const input = { main: 'src/cli/main.ts' };
  const modules = await bundle(input, join(folder, 'lib/cli'), 'node', Object.keys(dependencies), '[name]-[hash].js');
  writeNotices(modules, folder);
  cpSync(join(ROOT, 'assets'), join(folder, 'assets'), { recursive: true });
  cpSync(join(ROOT, 'bin/webgpu-vae.js'), join(folder, 'bin/webgpu-vae.js'));
  cpSync(join(ROOT, 'packages/cli/start.js'), join(folder, 'bin/start.js'));
}

rmSync(BUILD, { recursive: true, force: true });
await buildEngine();
await buildCommandLine();
