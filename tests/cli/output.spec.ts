import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { readSafetensors } from '../../src/train/safetensors.ts';
import { adapterOptions, outcome, PROGRAM, smallData, start, test, tinyRun } from './command.ts';

/** Every command, as short as it can be. */
const COMMANDS = [
  ['--help'],
  ['train', '--help'],
  ['doctor', '--list'],
  ['setup', '--dry-run'],
  ['tune', '--hidden', 'none', '--batch', '1', '--pixels', '1', ...adapterOptions],
  ['train', ...tinyRun, '--variant', 'default', '--quiet', '--out', 'run', ...adapterOptions],
];

for (const args of COMMANDS) {
  test(`nobody reads what \`${args.slice(0, 2).join(' ')}\` prints: it ends quietly`, async ({ cwd }) => {
    const child = start(args, cwd);
    child.stdout.destroy();
    expect(await outcome(child)).toMatchObject({ code: 141, stderr: '' });
  });

  test(`\`${args.slice(0, 2).join(' ')}\` prints into a full device: one line and a failure`, async ({ cwd }) => {
    test.skip(!existsSync('/dev/full'), 'this system has no /dev/full');
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [PROGRAM, ...args], { cwd, stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    let stderr = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    const own = stderr.split('\n').filter((line) => !line.startsWith('Warning: maxDynamic'));
    expect(own.join('\n')).toBe('error: stdout cannot be written: the disk is full: send it somewhere else\n');
    expect(code).toBe(1);
  });
}

test('an error that nobody reads keeps its exit code', async ({ cwd }) => {
  const child = start(['bogus'], cwd);
  child.stderr.destroy();
  expect(await outcome(child)).toMatchObject({ code: 2, stdout: '' });
});

test('a training whose reader goes away stops and keeps what was learned', async ({ cwd }) => {
  // Long enough never to finish by itself.
  const args = [...smallData, '--batch', '8', '--hidden', '16', '--epochs', '100000', '--out', 'run'];
  const child = start(['train', ...args, ...adapterOptions], cwd);
  const { code, stderr } = await outcome(child, (soFar) => {
    if (soFar.includes('train −ELBO')) child.stdout.destroy();
  });
  expect({ code, stderr }).toEqual({ code: 141, stderr: '' });
  const { status, stepsDone } = JSON.parse(await readFile(join(cwd, 'run', 'config.json'), 'utf8'));
  expect(status).toBe('stopped');
  expect(stepsDone).toBeGreaterThan(0);
  const { metadata } = readSafetensors(await readFile(join(cwd, 'run', 'model.safetensors')));
  expect(metadata.step).toBe(String(stepsDone));
});
