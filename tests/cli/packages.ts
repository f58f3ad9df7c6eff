/** A stand-in for Mesa's packages, made of the SwiftShader that comes with npm, and an archive that apt downloads them from. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { SwiftShaderFiles } from '../../src/host/swiftshader.ts';

/** A library that no system has; the stand-in's driver needs it. */
export const OWN_LIBRARY = 'libgcc_x.so.1';
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';
/** Where the stand-in's driver is. */
export const DRIVER_PATH = `${LIBRARIES}/libvulkan_lvp.so`;

/** A package: its files by their path from the root, and what it depends on. */
interface Package {
  name: string;
  depends: string;
  files: Record<string, Buffer>;
}

/** The packages as Debian cuts them: the driver, a library that it needs, and the loader. */
export async function standIns(swiftShader: SwiftShaderFiles): Promise<Package[]> {
  // Names within a library are text; one of the same length keeps everything in its place.
  const rename = async (path: string) => {
    const bytes = await readFile(path);
    return Buffer.from(bytes.toString('latin1').replaceAll('libgcc_s.so.1', OWN_LIBRARY), 'latin1');
  };
  const maps = await readFile('/proc/self/maps', 'utf8');
  const libgcc = /\S+\/libgcc_s\.so\.1$/m.exec(maps)?.[0];
  if (libgcc === undefined) throw new Error('this process has no libgcc_s.so.1, which Node needs');
  const manifest = {
    file_format_version: '1.0.0',
    ICD: { library_path: `/${DRIVER_PATH}`, api_version: '1.0.5' },
  };
  const driver = await rename(join(dirname(swiftShader.loader), 'libvk_swiftshader.so'));
  return [
    {
      name: 'mesa-vulkan-drivers',
      depends: 'libgcc-x1, libc6 (>= 2.0)',
      files: {
        [DRIVER_PATH]: driver,
        [`${LIBRARIES}/libvulkan_other.so`]: driver,
        'usr/share/vulkan/icd.d/lvp_icd.json': Buffer.from(JSON.stringify(manifest)),
      },
    },
    { name: 'libgcc-x1', depends: 'libc6', files: { [`lib/x86_64-linux-gnu/${OWN_LIBRARY}`]: await rename(libgcc) } },
    {
      name: 'libvulkan1',
      depends: 'libc6',
      files: { [`${LIBRARIES}/libvulkan.so.1`]: await readFile(swiftShader.loader) },
    },
  ];
}

/** Lays the packages' files below a folder, as `dpkg-deb -x` does. */
export async function unpackAll(packages: Package[], folder: string): Promise<void> {
  for (const [path, bytes] of packages.flatMap(({ files }) => Object.entries(files))) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes, { mode: 0o644 });
  }
}

/**
 * Makes an archive with the packages, and a configuration that leads apt to it and to nothing of this system.
 * @param options.trusted whether apt may take the packages although nobody has signed them
 * @returns the configuration's path, for APT_CONFIG
 */
export async function makeArchive(
  packages: Package[],
  folder: string,
  { trusted }: { trusted: boolean },
): Promise<string> {
  const archive = join(folder, 'archive');
  const suite = join(archive, 'dists', 'bookworm-backports');
  const run = promisify(execFile);
  const architecture = (await run('dpkg', ['--print-architecture'])).stdout.trim();
  const index = join('main', `binary-${architecture}`, 'Packages');
  await mkdir(dirname(join(suite, index)), { recursive: true });
  const stanzas: string[] = [];
  for (const item of packages) {
    const control = `Package: ${item.name}\nVersion: 99\nArchitecture: ${architecture}\nMaintainer: nobody <nobody@localhost>\nDepends: ${item.depends}\nDescription: stand-in\n`;
    const tree = join(folder, item.name);
    await mkdir(join(tree, 'DEBIAN'), { recursive: true });
    await chmod(join(tree, 'DEBIAN'), 0o755);
    await writeFile(join(tree, 'DEBIAN', 'control'), control);
    await unpackAll([item], tree);
    const file = `${item.name}_99_${architecture}.deb`;
    await run('dpkg-deb', ['-Znone', '--root-owner-group', '--build', tree, join(archive, file)]);
    const bytes = await readFile(join(archive, file));
    stanzas.push(`${control}Filename: ${file}\nSize: ${bytes.length}\nSHA256: ${sha256(bytes)}\n`);
  }
  const text = stanzas.join('\n');
  await writeFile(join(suite, index), text);
  const release = `Suite: bookworm-backports\nCodename: bookworm-backports\nArchitectures: ${architecture}\nComponents: main\nDate: Sat, 28 Nov 2026 00:00:00 UTC\nSHA256:\n ${sha256(text)} ${text.length} ${index}\n`;
  await writeFile(join(suite, 'Release'), release);

  const options = trusted ? '[trusted=yes] ' : '';
  await writeFile(join(folder, 'sources.list'), `deb ${options}copy:${archive} bookworm-backports main\n`);
  const installed = `Package: libc6\nStatus: install ok installed\nArchitecture: ${architecture}\nVersion: 3\nDescription: C library\n`;
  await writeFile(join(folder, 'status'), installed);
  return writeConfiguration(folder);
}

/** Makes a configuration of apt's with `<folder>/sources.list` and `<folder>/status`; returns its path. */
export async function writeConfiguration(folder: string): Promise<string> {
  const nothing = join(folder, 'nothing');
  await mkdir(nothing, { recursive: true });
  const settings = {
    'Dir::Etc::Parts': nothing,
    'Dir::Etc::Main': '/dev/null',
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': nothing,
    'Dir::Etc::PreferencesParts': nothing,
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::State::status': join(folder, 'status'),
    'Acquire::http::Proxy': 'DIRECT',
  };
  const path = join(folder, 'apt.conf');
  const lines = Object.entries(settings).map(([key, value]) => `${key} "${value}";\n`);
  await writeFile(path, lines.join(''));
  return path;
}

function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}
