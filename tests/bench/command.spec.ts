import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '../support/fixtures.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ADAPTER = process.env.WEBGPU_VAE_ADAPTER ? ['--adapter', process.env.WEBGPU_VAE_ADAPTER] : [];

function run(program: string, args: string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, ['--import', 'tsx', program, ...args], { cwd: ROOT });
}

const bench = (...args: string[]) => run('bench/bench.ts', args);

test('--json prints one object on one line, and its memory adds up', async () => {
  const { stdout } = await bench('--json', '--only', 'memory', '--steps', '20', ...ADAPTER);
  expect(stdout.split('\n')).toHaveLength(2);
  const { adapter, memory } = JSON.parse(stdout);
  expect(adapter.name).toMatch(/./);
  expect(memory.model).toBe('784-512-256-2');
  const sizes = Object.values<number>(memory.bytes);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(memory.allocated_bytes);
  // 70,000 images of a byte per pixel, each set padded by up to two words.
  expect(memory.bytes.images).toBeGreaterThanOrEqual(70_000 * 784);
  expect(memory.bytes.images).toBeLessThanOrEqual(70_000 * 784 + 16);
  // Two moments for every parameter, and all gradients.
  expect(memory.bytes['Adam moments']).toBe(2 * memory.bytes.parameters);
  expect(memory.bytes.gradients).toBe(memory.bytes.parameters);
  expect(memory).toMatchObject({ steps: 20, grown_bytes: 0 });
});

test('a wrong option is one line on stderr', async () => {
  const failure = await bench('--only', 'speed').catch((error) => error);
  expect(failure.code).toBe(1);
  expect(failure.stdout).toBe('');
  expect(failure.stderr).toBe(
    'error: --only: there is no part "speed", expected step, kernels, gemm, cold_start_ms, memory\n',
  );
});

for (const [args, says] of [
  [['no-such-ref'], 'there is no commit "no-such-ref" in this repository: name a commit, a branch or a tag'],
  [[], 'expected one git ref to compare with, such as main~1'],
  [['HEAD', '--rounds', '0'], '--rounds: expected an integer from 1, got 0'],
] as const) {
  test(`bench:against ${args.join(' ')}: one line on stderr`, async () => {
    const failure = await run('bench/against.ts', [...args]).catch((error) => error);
    expect({ code: failure.code, stdout: failure.stdout, stderr: failure.stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: `error: ${says}\n`,
    });
  });
}

test('models: a table of small trainings, and a name that is none', async () => {
  const size = ['--train-size', '64', '--test-size', '16', '--batch', '32', '--epochs', '1'];
  const given = ['--model', '8', '--latent', '2,3', '--seeds', '0,1', '--iw', '20', ...size, ...ADAPTER];
  const { stdout } = await run('bench/models.ts', given);
  expect(stdout).toContain('MNIST, 64 training and 16 test images; epochs: 1; seeds: 0, 1\n');
  const lines = stdout.trimEnd().split('\n').slice(-2);
  const rows = lines.map((line) => line.split('|').map((cell) => cell.trim()));
  expect(rows.map((row) => row.slice(1, 5))).toEqual([
    ['8', '2', '13396', '0.002016'],
    ['8', '3', '13422', '0.002021'],
  ]);
  const [elbo, bce, kl, nll] = rows[0]!.slice(-5, -1).map(Number) as [number, number, number, number];
  expect(Math.abs(bce + kl - elbo)).toBeLessThan(0.02);
  // Twenty z are a tighter bound than one, but for the luck of drawing; −log p(x) is not much below a model that has hardly learned.
  expect(nll).toBeLessThan(elbo + 0.5);
  expect(nll).toBeGreaterThan(elbo - 5);
  const failure = await run('bench/models.ts', ['--model', '8-x']).catch((error) => error);
  expect(failure).toMatchObject({
    code: 1,
    stderr: 'error: --model: got 8-x, expected layers such as 512-256 or conv32,64-256\n',
  });
});
