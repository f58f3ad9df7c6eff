import { execFileSync } from 'node:child_process';
import { expect, test } from 'playwright/test';
import { program } from '../../src/cli/main.ts';
import { NPM_OWN, refuseSwallowedOptions } from '../../src/cli/npm-options.ts';
import { test as commandTest, outcome, start, tinyRun } from './command.ts';

const root = program(() => {});

/** What npm hands over for `npm run train --epochs=1`: recorded from npm 11. */
function fromNpm(script: string, options: Record<string, string>, content = `node bin/webgpu-vae.js ${script}`) {
  return { npm_lifecycle_event: script, npm_lifecycle_script: content, ...options };
}

const cases: [typed: string, args: string[], env: NodeJS.ProcessEnv, line: string | undefined][] = [
  ['train --epochs=1', ['train'], fromNpm('train', { npm_config_epochs: '1' }), 'npm run train -- --epochs 1'],
  ['train --epochs 1', ['train', '1'], fromNpm('train', { npm_config_epochs: 'true' }), 'npm run train -- --epochs 1'],
  [
    'train --epochs 1 --lr 2',
    ['train', '1', '2'],
    fromNpm('train', { npm_config_epochs: 'true', npm_config_lr: 'true' }),
    'npm run train -- --epochs <n> --lr <rate>',
  ],
  [
    'train --train-size=9 --out="it\'s here" -- --quiet',
    ['train', '--quiet'],
    fromNpm('train', { npm_config_train_size: '9', npm_config_out: "it's here" }),
    "npm run train -- --quiet --train-size 9 --out 'it'\\''s here'",
  ],
  ['doctor --list', ['doctor'], fromNpm('doctor', { npm_config_list: 'true' }), 'npm run doctor -- --list'],
  // Who asks what would be installed must not have it installed.
  ['setup --dry-run', ['setup'], fromNpm('setup', { npm_config_dry_run: 'true' }), 'npm run setup -- --dry-run'],
  [
    'mine --lr=1',
    ['train', '--epochs', '3'],
    fromNpm('mine', { npm_config_lr: '1' }, 'webgpu-vae train --epochs 3'),
    'npm run mine -- --lr 1',
  ],
  ['train -- --epochs 1', ['train', '--epochs', '1'], fromNpm('train', {}), undefined],
  ['train --force', ['train'], fromNpm('train', { npm_config_force: 'true' }), undefined],
  // An .npmrc that says so, and the option in its place.
  ['setup -- --dry-run', ['setup', '--dry-run'], fromNpm('setup', { npm_config_dry_run: 'true' }), undefined],
  // Another program that npm runs has started this one.
  ['test --seed=1', ['train'], fromNpm('test', { npm_config_seed: '1' }, 'playwright test'), undefined],
  ['(no npm)', ['train'], { npm_config_epochs: '1' }, undefined],
];

for (const [typed, args, env, line] of cases) {
  test(`npm run ${typed}`, () => {
    const command = root.commands.find((found) => found.name() === args[0])!;
    const check = () => refuseSwallowedOptions(command, args, env);
    if (line === undefined) check();
    else expect(check).toThrow(`type \`${line}\``);
  });
}

test("npm's own options are known", () => {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const listed = execFileSync(npm, ['config', 'list', '--long', '--json'], { shell: process.platform === 'win32' });
  const names = Object.keys(JSON.parse(String(listed)));
  expect(names).toContain('dry-run');
  const ours = root.commands.flatMap(({ options }) => options.map(({ long }) => long?.slice(2) ?? ''));
  const shared = ours.filter((name) => names.includes(name) && name !== 'dry-run');
  for (const name of shared) expect(NPM_OWN).toContain(name);
});

commandTest('npm run train --seed=1 trains nothing', async ({ cwd }) => {
  const child = start(['train', ...tinyRun], cwd, [], { env: fromNpm('train', { npm_config_seed: '1' }) });
  expect(await outcome(child)).toEqual({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/^error: npm took --seed for itself, .*: type `npm run train -- .* --seed 1`\n$/),
  });
});
