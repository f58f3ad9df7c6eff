/** Empty projects, and what is done in them. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { smallMnist } from '../../tests/support/small-mnist.ts';

const BUILD = fileURLToPath(new URL('../../build', import.meta.url));
/** 20 steps of 128 images. */
export const IMAGES = { train: 2560, t10k: 100 };

/** A folder outside of the repository, whose name is as unusual as a user's may be. */
export async function emptyFolder(): Promise<string> {
  return mkdtemp(join(await realpath(tmpdir()), 'webgpu-vae smoke – größe '));
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program in a folder as a user's shell would. @throws with its output unless it ends with 0 or may fail */
export async function run(
  folder: string,
  [program, ...args]: readonly [string, ...string[]],
  { mayFail = false, env = {} }: { mayFail?: boolean; env?: Record<string, string> } = {},
): Promise<Ran> {
  // Without what npm and the test runner tell their children, but for the way to the registry, and without the repository's programs.
  const clean = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(?!config_(registry|cache|userconfig|cafile|proxy|https_proxy)$)|FORCE_COLOR|NODE_OPTIONS|INIT_CWD|NODE_PATH|TEST_|PLAYWRIGHT_)/i.test(
        name,
      ),
  );
  const path = (process.env.PATH ?? '').split(':').filter((part) => !part.includes('node_modules'));
  const options = { cwd: folder, env: { ...Object.fromEntries(clean), PATH: path.join(':'), ...env } };
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, { ...options, maxBuffer: 2 ** 26 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number | string } & Partial<Ran>;
    if (mayFail && typeof code === 'number') return { code, stdout, stderr };
    throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** Packs a package as it would be published. Returns the tarball. */
export async function pack(name: 'webgpu-vae' | 'webgpu-vae-cli', target: string): Promise<string> {
  const folder = join(BUILD, name);
  const { stdout } = await run(folder, ['npm', 'pack', '--silent', '--pack-destination', target]);
  return join(target, stdout.trim());
}

/** An empty project with packages in it, and what npm made of that. */
export async function project(folder: string, packages: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  await install(folder, packages);
}

export async function install(folder: string, packages: readonly string[]): Promise<void> {
  await run(folder, ['npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', ...packages]);
}

/** The version of a package that the repository is tested with, `name@version`. */
export async function tested(...names: string[]): Promise<string[]> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { dependencies, devDependencies } = JSON.parse(text) as Record<string, Record<string, string>>;
  return names.map((name) => {
    const range = dependencies?.[name] ?? devDependencies?.[name];
    if (range === undefined) throw new Error(`tested: the repository's package.json does not name ${name}`);
    return `${name}@${range}`;
  });
}

/** Files of a folder and all below, with their sizes. */
export async function filesOf(folder: string): Promise<{ path: string; sizeBytes: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return Promise.all(files.map(async (path) => ({ path, sizeBytes: (await stat(path)).size })));
}

/** In MB, 10^6 bytes. */
export async function sizeOf(folder: string): Promise<number> {
  return (await filesOf(folder)).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / 1e6;
}

/** MNIST's first images in a folder of that name. */
export async function data(folder: string): Promise<string> {
  const path = join(folder, 'mnist');
  await mkdir(path, { recursive: true });
  await smallMnist(path, IMAGES);
  return path;
}

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.map': 'application/json' };

/** Serves a folder's files as any static server does. */
export async function serve(folder: string): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    const path = join(folder, normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname)));
    readFile(path.endsWith('/') ? join(path, 'index.html') : path).then(
      (bytes) => {
        response.setHeader(
          'Content-Type',
          TYPES[extname(path)] ?? (path.endsWith('/') ? 'text/html' : 'application/octet-stream'),
        );
        response.end(bytes);
      },
      () => {
        response.statusCode = 404;
        response.end();
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => void server.close(),
  };
}

/**
 * A cache of npm's in which nothing stays but what the usual one has anyway: npx keeps all that it ever installed.
 */
export async function passingCache(folder: string): Promise<string> {
  const { stdout } = await run(folder, ['npm', 'config', 'get', 'cache']);
  const cache = join(folder, 'npm cache');
  await mkdir(cache, { recursive: true });
  const usual = join(stdout.trim(), '_cacache');
  await mkdir(usual, { recursive: true });
  await symlink(usual, join(cache, '_cacache'));
  return cache;
}

export const remove = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });
export { join };
