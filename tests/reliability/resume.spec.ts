import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { type NamedTensor, readSafetensors } from '../../src/train/safetensors.ts';
import { readCheckpoint, writeCheckpoint } from '../../src/vae/checkpoint.ts';
import { adapterOptions, outcome, start, webgpuVae } from '../cli/command.ts';
import { entry, fileOf, halves } from '../cli/safetensors-file.ts';
import { recordFault, times } from './faults.ts';
import {
  expectSameRun,
  lastCheckpoint,
  metricsOf,
  often,
  preload,
  SLOW_CLOCK,
  STEPS,
  settings,
  signalling,
  test,
  wholeRun,
  withEpochs,
} from './runs.ts';

test('killed with SIGKILL at random moments and resumed: the same bits', async ({ cwd }) => {
  test.setTimeout(30 * 60_000);
  const { folder: whole, elapsedMs: wholeMs } = await wholeRun();

  const injected = times(2, 10);
  const resumable = async () =>
    (await readdir(join(cwd, 'run')).catch(() => [])).some((name) => name.startsWith('check'));
  let kills = 0;
  const steps: number[] = [];
  let left = 1;
  while (kills < injected) {
    // A run that is too far to be killed again has ended, and another one begins.
    const args = (await resumable()) ? ['--resume', 'run'] : [...settings, '--out', 'run'];
    if (!(await resumable())) await rm(join(cwd, 'run'), { recursive: true, force: true });
    const child = start(['train', ...args, ...often, ...adapterOptions], cwd);
    // The first third is starting Node and the adapter.
    const timer = setTimeout(() => child.kill('SIGKILL'), wholeMs * (0.3 + 0.5 * left * Math.random()));
    const { code, stderr } = await outcome(child);
    clearTimeout(timer);
    if (code === 'SIGKILL') {
      kills++;
      const step = (await resumable()) ? (await lastCheckpoint(join(cwd, 'run'))).step : 0;
      steps.push(step);
      left = 1 - step / STEPS;
      continue;
    }
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await expectSameRun(join(cwd, 'run'), whole);
    await rm(join(cwd, 'run'), { recursive: true });
    left = 1;
  }
  if (await resumable()) {
    const { code, stderr } = await webgpuVae(['train', '--resume', 'run', ...adapterOptions], cwd);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await expectSameRun(join(cwd, 'run'), whole);
  }
  recordFault(test.info(), {
    fault: '`kill -9` of the trainer at a random moment',
    injected,
    outcome: `resumed from step ${steps.sort((a, b) => a - b).join(', ')} of ${STEPS}; model, metrics and pictures of the uninterrupted run`,
    lost: 'nothing',
  });
});

test('stopped by SIGTERM within an epoch, resumed for longer: as if it had been asked for at once', async ({ cwd }) => {
  const atOnce = preload(signalling('SIGTERM', ['train −ELBO'], 'self'));
  const { code, stdout } = await webgpuVae(['train', ...settings, '--out', 'run'], cwd, atOnce);
  expect(code).toBe(143);
  expect(stdout).toContain('--resume run goes on');
  const { step } = await lastCheckpoint(join(cwd, 'run'));
  expect(step).toBeGreaterThan(0);

  const resumed = await webgpuVae(
    ['train', '--resume', 'run/checkpoint.safetensors', '--epochs', '5', ...adapterOptions],
    cwd,
  );
  expect(resumed.stderr).toBe('');
  expect(resumed.stdout).toContain(`Resuming run/checkpoint.safetensors after step ${step}.`);
  expect((await webgpuVae(['train', ...withEpochs(5), '--out', 'whole'], cwd)).code).toBe(0);
  await expectSameRun(join(cwd, 'run'), join(cwd, 'whole'));
  recordFault(test.info(), {
    fault: 'SIGTERM within an epoch, resumed with more epochs',
    injected: 1,
    outcome: 'model, metrics and pictures of a run with that many epochs',
    lost: 'nothing',
  });
});

test('what a resumed run is told must agree with its checkpoint', async ({ cwd }) => {
  const short = [
    '--data',
    'mnist',
    '--train-size',
    '100',
    '--hidden',
    '8',
    '--batch',
    '50',
    '--epochs',
    '1',
    ...adapterOptions,
  ];
  expect((await webgpuVae(['train', ...short, '--quiet', '--out', 'run'], cwd)).code).toBe(0);
  const refused: [args: string[], says: RegExp][] = [
    [['--latent', '3'], /latent is 3, the checkpoint has 2/],
    [['--lr', '0.5'], /learningRate is 0\.5, the checkpoint has 0\.001/],
    [['--batch', '7'], /batch is 7, the checkpoint has 50/],
    [['--beta', '2'], /beta is 2, the checkpoint has 1/],
    [['--seed', '9'], /seed is 9, the checkpoint has 0/],
    [['--hidden', 'none'], /hidden is \[\], the checkpoint has \[8\]/],
    [['--train-size', '99'], /--train-size is 99, the checkpoint has 100/],
    [['--init', 'run/model.safetensors'], /--init run\/model\.safetensors contradicts --resume run/],
  ];
  for (const [args, says] of refused) {
    const { code, stderr } = await webgpuVae(['train', '--resume', 'run', ...args, ...adapterOptions], cwd);
    expect(stderr).toMatch(says);
    expect(code).toBe(2);
  }
  const nothing = await webgpuVae(['train', '--resume', 'nowhere'], cwd);
  expect(nothing).toMatchObject({ code: 2, stdout: '' });
  expect(nothing.stderr).toMatch(/expected a safetensors file at nowhere, there is none/);
  const model = await webgpuVae(['train', '--resume', 'run/model.safetensors'], cwd);
  expect(model.stderr).toMatch(/it is no checkpoint: use --init for a model/);

  // Other images under the same name.
  const path = join(cwd, 'run', 'checkpoint.safetensors');
  const snapshot = readCheckpoint(await readFile(path));
  await writeFile(
    join(cwd, 'other.safetensors'),
    writeCheckpoint({ ...snapshot, data: { ...snapshot.data, fingerprint: '00000000' } }),
  );
  const other = await webgpuVae(
    ['train', '--resume', 'other.safetensors', '--data', 'mnist', '--out', 'new', ...adapterOptions],
    cwd,
  );
  expect(other.stderr).toMatch(/their fingerprint differs, use the same images/);
  expect(other.code).toBe(2);

  // Another adapter only changes the last bits.
  const elsewhere = writeCheckpoint({ ...snapshot, adapter: { name: 'a card', backend: 'Metal' } });
  await writeFile(join(cwd, 'elsewhere.safetensors'), elsewhere);
  const without = await webgpuVae(['train', '--resume', 'elsewhere.safetensors', ...adapterOptions], cwd);
  expect(without.stderr).toMatch(/made with the data set "mnist", expected --data with its folder, got none/);
  expect(without.code).toBe(2);
  const args = [
    '--resume',
    'elsewhere.safetensors',
    '--data',
    'mnist',
    '--epochs',
    '2',
    '--out',
    'new',
    ...adapterOptions,
  ];
  const moved = await webgpuVae(['train', ...args], cwd);
  expect(moved.stderr).toBe('');
  expect(moved.stdout).toMatch(/Warning: the checkpoint was made on a card \(Metal\), this is /);
  expect((await metricsOf(join(cwd, 'new'))).map((line) => line.split(',')[0])).toEqual(['epoch', '1', '2']);
});

test('a damaged last checkpoint: the one before it, with a warning; two damaged ones: an error', async ({ cwd }) => {
  const { folder: whole } = await wholeRun();
  const files = ['checkpoint.safetensors', 'checkpoint.previous.safetensors'];
  const intact = await readFile(join(whole, files[0]!));
  const damages: [what: string, damage: (bytes: Buffer) => Buffer | undefined][] = [
    ['cut off', (bytes) => bytes.subarray(0, bytes.length / 2)],
    // In the middle of Adam's moments, where any bits are a number.
    ['one bit flipped', (bytes) => Buffer.from(bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 4 : byte)))],
    ['empty', () => Buffer.alloc(0)],
    ['missing', () => undefined],
    ['zeroed', (bytes) => Buffer.alloc(bytes.length)],
  ];
  const injected = times(2, damages.length);
  for (const [what, damage] of damages.slice(0, injected)) {
    const run = join(cwd, what);
    await cp(whole, run, { recursive: true });
    await rm(join(run, 'model.safetensors'));
    const damaged = damage(intact);
    if (damaged) await writeFile(join(run, files[0]!), damaged);
    else await rm(join(run, files[0]!));
    const { code, stdout, stderr } = await webgpuVae(['train', '--resume', what, ...adapterOptions], cwd);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/Warning: the last checkpoint is of no use .*; the one before it is\./);
    await expectSameRun(run, whole);
  }
  await mkdir(join(cwd, 'both'));
  for (const file of files) await writeFile(join(cwd, 'both', file), intact.subarray(0, 1000));
  const both = await webgpuVae(['train', '--resume', 'both'], cwd);
  expect(both.code).toBe(1);
  expect(both.stderr).toMatch(/^error: both\/checkpoint\.safetensors: safetensors read: .*\n$/);
  recordFault(test.info(), {
    fault: 'last checkpoint cut off, emptied, deleted or zeroed, or one bit of it flipped',
    injected,
    outcome: 'resumed from the one before it, with a warning; the same bits',
    lost: 'nothing',
  });
});

test('a second trainer for the same folder is refused, whatever the first one does', async ({ cwd }) => {
  // Long enough never to finish by itself.
  const first = start(['train', ...withEpochs(100_000), '--out', 'run'], cwd);
  let second: ReturnType<typeof webgpuVae> | undefined;
  const { code } = await outcome(first, (soFar) => {
    if (second || !soFar.includes('train −ELBO')) return;
    second = webgpuVae(['train', '--resume', 'run', ...adapterOptions], cwd);
    second.finally(() => first.kill('SIGINT'));
  });
  const refused = await second!;
  expect(refused.stderr).toMatch(/^error: run is in use by process \d+, expected one trainer per folder.*\n$/);
  expect(refused.code).toBe(2);
  expect(code).toBe(130);
  expect(await readdir(join(cwd, 'run'))).not.toContain('.lock');
  recordFault(test.info(), {
    fault: 'two processes for one run folder',
    injected: 1,
    outcome: 'the second one is refused; the first one goes on',
    lost: 'nothing',
  });
});

/** A module that lets the disk be full as soon as the second checkpoint is written: half of it fits. */
const fullDisk = `
  import files from 'node:fs/promises';
  import { syncBuiltinESMExports } from 'node:module';
  const { open } = files;
  let checkpoints = 0;
  files.open = async (path, ...rest) => {
    const file = await open(path, ...rest);
    if (String(path).includes('.checkpoint.') && ++checkpoints === 2) {
      const { writeFile } = file;
      file.writeFile = async (bytes) => {
        await writeFile.call(file, bytes.subarray(0, bytes.length / 2));
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      };
    }
    return file;
  };
  syncBuiltinESMExports();`;

test('a disk that is full is an error, and the last checkpoint stays', async ({ cwd }) => {
  const args = ['train', ...settings, ...often, '--out', 'run'];
  const { code, stderr } = await webgpuVae(args, cwd, preload(fullDisk));
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: --out run cannot be written: the disk is full.*\n$/);
  const files = await readdir(join(cwd, 'run'));
  expect(files.filter((name) => name.startsWith('.'))).toEqual([]);
  const resumed = await webgpuVae(['train', '--resume', 'run', ...adapterOptions], cwd);
  expect(resumed.code).toBe(0);
  await expectSameRun(join(cwd, 'run'), (await wholeRun()).folder);
  recordFault(test.info(), {
    fault: 'disk full while a checkpoint is written',
    injected: 1,
    outcome: 'the run ends with an error that says so; the last checkpoint is whole and resumes',
    lost: 'nothing: the steps since that checkpoint are done again, with the same bits',
  });
});

/** A module that destroys the device after every `every` submissions, at most `losses` times. */
function losing(every: number, losses: number): string[] {
  return preload(`${SLOW_CLOCK}
    let submissions = 0;
    let left = ${losses};
    Object.defineProperty(globalThis, 'GPUDevice', {
      configurable: true,
      set(type) {
        Object.defineProperty(globalThis, 'GPUDevice', { value: type, writable: true, configurable: true });
        const { createCommandEncoder } = type.prototype;
        type.prototype.createCommandEncoder = function (...args) {
          if (++submissions % ${every} === 0 && left-- > 0) setTimeout(() => this.destroy());
          return createCommandEncoder.apply(this, args);
        };
      },
    });`);
}

test('the command loses its device: it goes on; four times within a minute: a checkpoint', async ({ cwd }) => {
  const { folder: whole } = await wholeRun();
  const survived = await webgpuVae(['train', ...settings, '--out', 'twice'], cwd, losing(12, 2));
  expect(survived.stderr).toBe('');
  expect(survived.code).toBe(0);
  expect(survived.stdout.match(/: rebuilt on .*, going on after step \d+\./g)).toHaveLength(2);
  await expectSameRun(join(cwd, 'twice'), whole);

  // Often enough that no epoch is ever done: what is kept are the snapshots in between.
  const args = ['train', ...settings, '--checkpoint-every', '0.00001', '--out', 'run'];
  const failed = await webgpuVae(args, cwd, losing(8, 100));
  expect(failed.stderr).toMatch(/^error: recover: the GPU device was lost 4 times within a minute, .*\n$/);
  expect(failed.code).toBe(1);
  const { step } = await lastCheckpoint(join(cwd, 'run'));
  expect(step).toBeGreaterThan(0);
  expect((await webgpuVae(['train', '--resume', 'run', ...adapterOptions], cwd)).code).toBe(0);
  await expectSameRun(join(cwd, 'run'), whole);
  recordFault(test.info(), {
    fault: 'device lost under the command line, twice and four times within a minute',
    injected: 6,
    outcome: `went on; after the fourth loss an error and a checkpoint of step ${step}, which resumed to the same bits`,
    lost: 'nothing',
  });
});

test('a training that stops being finite leaves its last checkpoint alone', async ({ cwd }) => {
  expect((await webgpuVae(['train', ...settings, '--quiet', '--out', 'run'], cwd)).code).toBe(0);
  const path = join(cwd, 'run', 'checkpoint.safetensors');
  const snapshot = readCheckpoint(await readFile(path));
  // Finite weights whose products are not.
  snapshot.parameters[0]!.data.fill(3e38);
  const hostile = writeCheckpoint(snapshot);
  await writeFile(path, hostile);
  const { code, stderr } = await webgpuVae(['train', '--resume', 'run', '--epochs', '5', ...adapterOptions], cwd);
  expect(stderr).toMatch(
    /^error: train: the loss of step 81 is not finite: first in encoder\.0 output, element 0 is .*\n$/,
  );
  expect(code).toBe(1);
  expect((await readFile(path)).equals(hostile)).toBe(true);
  expect(JSON.parse(await readFile(join(cwd, 'run', 'config.json'), 'utf8'))).toMatchObject({ status: 'failed' });
  recordFault(test.info(), {
    fault: 'loss that stops being finite in a resumed run',
    injected: 1,
    outcome: 'error with step, tensor and index; the last checkpoint is untouched',
    lost: 'nothing',
  });
});

/** A file of the upper halves of all values. */
function asBrainFloats(tensors: NamedTensor[], prefix: string): Uint8Array {
  let end = 0;
  const fields = tensors.map(({ name, shape, data }) => {
    const begin = end;
    end += 2 * data.length;
    return `${JSON.stringify(prefix + name)}:${entry(shape, [begin, end], 'BF16')}`;
  });
  const bits = tensors.flatMap(({ data }) => [...new Uint32Array(data.buffer)].map((value) => value >>> 16));
  return fileOf(`{"__metadata__":null,${fields.join()}}`, halves(bits));
}

test('--init begins with the weights of a file, and refuses those of another model', async ({ cwd }) => {
  const short = [
    '--data',
    'mnist',
    '--train-size',
    '100',
    '--batch',
    '50',
    '--epochs',
    '1',
    '--quiet',
    ...adapterOptions,
  ];
  const donor = await webgpuVae(['train', ...short, '--hidden', '8', '--seed', '3', '--out', 'donor'], cwd);
  expect(donor.code).toBe(0);
  const args = ['train', ...short, '--hidden', '8', '--seed', '4'];
  for (const file of ['model.safetensors', 'checkpoint.safetensors']) {
    const { code, stderr } = await webgpuVae([...args, '--init', `donor/${file}`, '--out', `from-${file}`], cwd);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  }
  const models = await Promise.all(
    ['model', 'checkpoint'].map((name) => readFile(join(cwd, `from-${name}.safetensors`, 'model.safetensors'))),
  );
  expect(models[0]!.equals(models[1]!)).toBe(true);

  // As PyTorch may have saved it: halves, of a compiled model.
  const { tensors } = readSafetensors(await readFile(join(cwd, 'donor', 'model.safetensors')));
  await writeFile(join(cwd, 'bf16.safetensors'), asBrainFloats(tensors, '_orig_mod.'));
  const loud = args.filter((arg) => arg !== '--quiet');
  const converted = await webgpuVae([...loud, '--init', 'bf16.safetensors', '--out', 'from-bf16'], cwd);
  expect({ code: converted.code, stderr: converted.stderr }).toEqual({ code: 0, stderr: '' });
  expect(converted.stdout).toContain(`${tensors.length} tensors were converted from BF16 to F32, exactly.`);
  expect(converted.stdout).toContain(`PyTorch's "_orig_mod." was left out of the tensors' names.`);

  const wrong = await webgpuVae(['train', ...short, '--hidden', '9', '--init', 'donor/model.safetensors'], cwd);
  expect(wrong.stderr).toMatch(/encoder\.0\.weight is \(8, 784\), expected \(9, 784\)/);
  expect(wrong.code).not.toBe(0);
});
