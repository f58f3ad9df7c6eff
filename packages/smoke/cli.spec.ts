import { access, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { expect, test } from 'playwright/test';
import { emptyFolder, join, pack, passingCache, project, remove, run, sizeOf } from './project.ts';

test.describe.configure({ mode: 'serial' });

let folder: string;
let tarball: string;
test.beforeAll(async () => {
  folder = await emptyFolder();
  tarball = await pack('webgpu-vae-cli', folder);
});
test.afterAll(() => remove(folder));

const { WEBGPU_VAE_ADAPTER } = process.env;
const TRAIN = [
  'train',
  ...['--train-size', '2560', '--test-size', '100', '--epochs', '1', '--hidden', '64', '--variant', 'default'],
  ...(WEBGPU_VAE_ADAPTER ? ['--adapter', WEBGPU_VAE_ADAPTER] : []),
];

/** A run of 20 steps left its results, which are those of a model that learned. */
async function expectResults(work: string): Promise<void> {
  const [name = '', ...others] = await readdir(join(work, 'runs'));
  expect(others).toEqual([]);
  const files = await readdir(join(work, 'runs', name));
  for (const file of ['model.safetensors', 'loss_curve.png', 'latent_2d.png', 'manifold.png'])
    expect(files).toContain(file);
  const [header = '', ...rows] = (await readFile(join(work, 'runs', name, 'metrics.csv'), 'utf8')).trim().split('\n');
  const last = Object.fromEntries(header.split(',').map((key, i) => [key, Number(rows.at(-1)!.split(',')[i])]));
  expect(last.step).toBe(20);
  expect(Object.values(last)).not.toContain(Number.NaN);
}

test('npx trains in an empty folder', async () => {
  const work = join(folder, 'leer und größer');
  await mkdir(work);
  const env = { npm_config_cache: await passingCache(folder) };
  const npx = ['npx', '--yes', '--prefer-offline', '--package', tarball, 'webgpu-vae'] as const;
  const { stdout } = await run(work, [...npx, ...TRAIN], { env });
  expect(stdout).toContain('Results: runs/');
  await expectResults(work);
  // What is typed there is not what is typed in the repository.
  const help = await run(work, [...npx, 'doctor', '--list'], { env });
  expect(help.stdout).not.toContain('npm run');
});

test('installed, it trains through a symlink, from another folder, without tsx', async () => {
  const home = join(folder, 'project');
  await project(home, [tarball]);
  await expect(access(join(home, 'node_modules/tsx'))).rejects.toThrow('ENOENT');
  const work = join(folder, 'elsewhere');
  await mkdir(work);
  await symlink(join(home, 'node_modules/webgpu-vae-cli/bin/webgpu-vae.js'), join(folder, 'vae–link'));
  await run(work, [join(folder, 'vae–link'), ...TRAIN]);
  await expectResults(work);
  console.log(`The command line with all that it needs: ${(await sizeOf(join(home, 'node_modules'))).toFixed(0)} MB`);
});
