import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Calls `use` with a new folder that only this user can write, below the system's temporary folder: the one that holds this
 * repository may belong to a group.
 */
export async function withOwnFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'webgpu-vae-test-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same, with every folder in which a cache may be in it: `<folder>/xdg`, `<folder>/home/.cache`, `<folder>/tmp`. */
export function withOwnCache(use: (folder: string) => Promise<void>): Promise<void> {
  return withOwnFolder(async (folder) => {
    const names = { XDG_CACHE_HOME: 'xdg', HOME: 'home', TMPDIR: 'tmp' };
    const before = Object.keys(names).map((name) => [name, process.env[name]] as const);
    for (const [name, part] of Object.entries(names)) {
      const path = join(folder, part);
      await mkdir(path, { mode: 0o700 });
      process.env[name] = path;
    }
    try {
      await use(folder);
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });
}
