import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { listAdapters } from '../../src/host/node.ts';
import { readSafetensors } from '../../src/train/safetensors.ts';
import { writeCheckpoint } from '../../src/vae/checkpoint.ts';
import { adapterOptions, webgpuVae } from '../cli/command.ts';
import { recordFault } from './faults.ts';
import { lastCheckpoint, metricsOf, preload, settings, test } from './runs.ts';

/** A call of the file system that has to do with checkpoints. */
interface Call {
  call: 'open' | 'write' | 'sync' | 'close' | 'rename';
  /** Relative to the run folder; `.` is that folder. */
  path: string;
  /** Of a rename. */
  to?: string;
  /** Of a rename to checkpoint.safetensors: what it holds. */
  step?: number;
  ms: number;
}

/** A module that lists in `calls.jsonl` what the command does with the files of `run`. */
const watching = preload(`
  import { appendFileSync, readFileSync } from 'node:fs';
  import files from 'node:fs/promises';
  import { syncBuiltinESMExports } from 'node:module';
  import { relative } from 'node:path';
  const log = (call, path, rest = {}) => {
    const name = relative('run', String(path)) || '.';
    appendFileSync('calls.jsonl', JSON.stringify({ call, path: name, ...rest, ms: performance.now() }) + '\\n');
  };
  const stepOf = (path) => {
    const bytes = readFileSync(path);
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE())));
    return JSON.parse(header.__metadata__.state).step;
  };
  const { open, rename } = files;
  files.rename = async (path, to) => {
    const step = to.endsWith('checkpoint.safetensors') ? stepOf(path) : undefined;
    await rename(path, to);
    log('rename', path, { to: relative('run', to), step });
  };
  files.open = async (path, ...rest) => {
    const file = await open(path, ...rest);
    log('open', path);
    for (const [name, call] of [['writeFile', 'write'], ['sync', 'sync'], ['close', 'close']]) {
      const original = file[name].bind(file);
      file[name] = async (...args) => {
        const result = await original(...args);
        log(call, path);
        return result;
      };
    }
    return file;
  };
  syncBuiltinESMExports();`);

async function callsOf(cwd: string, args: string[]): Promise<Call[]> {
  const { code, stderr } = await webgpuVae(['train', ...args, '--out', 'run'], cwd, watching);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = (await readFile(join(cwd, 'calls.jsonl'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Call);
}

function written(calls: Call[]): { step: number; ms: number }[] {
  return calls.flatMap(({ step, ms }) => (step === undefined ? [] : [{ step, ms }]));
}

test('a checkpoint takes its place when it is safe on the disk, after each epoch', async ({ cwd }) => {
  const calls = await callsOf(cwd, settings);
  // One at the beginning, so that a run can be resumed however early it ends.
  expect(written(calls).map(({ step }) => step)).toEqual([0, 20, 40, 60, 80]);
  expect((await lastCheckpoint(join(cwd, 'run'))).step).toBe(80);
  const previous = await lastCheckpoint(join(cwd, 'run', 'checkpoint.previous.safetensors'));
  expect(previous.step).toBe(60);

  const fewer = await webgpuVae(['train', '--resume', 'run', '--epochs', '3', ...adapterOptions], cwd);
  expect(fewer.code).toBe(2);
  expect(fewer.stderr).toContain('epochs is 3, the checkpoint has done 4: ask for 4 or more');

  const last = calls.findLastIndex(({ step }) => step !== undefined);
  const names = calls.map(({ call, path, to }) => [call, path, to].filter(Boolean).join(' '));
  const temporary = /^\.checkpoint\.safetensors\.\d+\.tmp$/.exec(calls[last]!.path)![0];
  expect(names.slice(last - 5, last + 4)).toEqual([
    `open ${temporary}`,
    `write ${temporary}`,
    `sync ${temporary}`,
    `close ${temporary}`,
    'rename checkpoint.safetensors checkpoint.previous.safetensors',
    `rename ${temporary} checkpoint.safetensors`,
    'open .',
    'sync .',
    'close .',
  ]);
});

test('--checkpoint-every: no oftener than that within an epoch, and each epoch besides', async ({ cwd }) => {
  const everyMs = 60;
  const long = settings.map((value, i) => ({ '--batch': '1', '--epochs': '2' })[settings[i - 1] ?? ''] ?? value);
  const calls = await callsOf(cwd, [...long, '--checkpoint-every', String(everyMs / 60_000)]);
  const checkpoints = written(calls);
  const steps = checkpoints.map(({ step }) => step);
  expect(steps).toEqual([...steps].sort((a, b) => a - b));
  for (const end of [0, 1000, 2000]) expect(steps).toContain(end);
  const within = checkpoints.filter(({ step }) => step % 1000 !== 0);
  for (const { step, ms } of within) {
    const before = checkpoints[steps.indexOf(step) - 1]!;
    expect(ms - before.ms, `ms from step ${before.step} to ${step}`).toBeGreaterThanOrEqual(everyMs);
  }
  // The first epoch also compiles shaders, so that even a fast GPU takes longer than this.
  expect(within.length).toBeGreaterThan(0);
});

test('a checkpoint holds all that a run depends on, under the names of the model', async ({ cwd }) => {
  const args = [...settings, '--seed', '4294967295', '--lr', '0.002', '--beta', '0.5', '--latent', '3'];
  const { code } = await webgpuVae(['train', ...args, '--quiet', '--out', 'run'], cwd);
  expect(code).toBe(0);
  const read = async (name: string) => readSafetensors(await readFile(join(cwd, 'run', name)));
  const model = await read('model.safetensors');
  const { tensors, metadata } = await read('checkpoint.safetensors');
  const names = model.tensors.map(({ name }) => name);
  const moments = ['adam.m.', 'adam.v.'].flatMap((prefix) => names.map((name) => prefix + name));
  expect(tensors.map(({ name }) => name).sort()).toEqual([...names, ...moments].sort());
  for (const { name, shape, data } of model.tensors) {
    const same = tensors.find((tensor) => tensor.name === name)!;
    expect(same.shape).toEqual(shape);
    expect(same.data).toEqual(data);
  }
  expect(metadata['webgpu-vae.checkpoint']).toMatch(/^\d+$/);
  expect(metadata['webgpu-vae.sha256']).toMatch(/^[0-9a-f]{64}$/);
  const config = JSON.parse(await readFile(join(cwd, 'run', 'config.json'), 'utf8'));
  expect(JSON.parse(metadata.state!)).toMatchObject({
    step: 80,
    model: {
      kind: 'vae',
      version: 1,
      config: { hidden: [16], latent: 3, batch: 50, epochs: 4, learningRate: 0.002, beta: 0.5, seed: 4294967295 },
    },
    adapter: { name: config.adapter.name, backend: config.adapter.backend },
    kernels: expect.arrayContaining(['elementwise+state+adam', 'state+finish_step']),
    data: {
      trainCount: 1000,
      testCount: 500,
      rows: 28,
      columns: 28,
      testFingerprint: expect.stringMatching(/^[0-9a-f]{8}$/),
    },
  });
  expect(JSON.parse(metadata.history!)).toHaveLength(4);
});

test('resumed on another adapter: a warning that names both, and the run goes on', async ({ cwd }) => {
  const adapters = await listAdapters();
  const first = adapters[0]!;
  // A computer with one adapter has a checkpoint that says that it is from another one.
  const second = adapters.find(({ name }) => name !== first.name) ?? { name: 'some card', backend: 'Metal' };
  const isForged = !('limits' in second);
  const on = ({ name }: { name: string }) => ['--adapter', name];
  const own = settings.slice(0, settings.length - adapterOptions.length);
  const ways = [
    [first, second],
    [second, first],
  ] as const;
  for (const [from, to] of isForged ? ways.slice(1) : ways) {
    const run = `from ${from.name}`;
    const begun = await webgpuVae(['train', ...own, ...on(isForged ? to : from), '--out', run, '--epochs', '4'], cwd);
    expect(begun).toMatchObject({ code: 0, stderr: '' });
    if (isForged) {
      const forged = { ...(await lastCheckpoint(join(cwd, run))), adapter: { name: from.name, backend: from.backend } };
      await writeFile(join(cwd, run, 'checkpoint.safetensors'), writeCheckpoint(forged));
    }
    const resumed = await webgpuVae(['train', '--resume', run, '--epochs', '5', ...on(to)], cwd);
    expect({ code: resumed.code, stderr: resumed.stderr }).toEqual({ code: 0, stderr: '' });
    expect(resumed.stdout).toContain(
      `Warning: the checkpoint was made on ${from.name} (${from.backend}), this is ${to.name} (${to.backend}): training goes on, but not bit for bit as it would have there.`,
    );
    expect((await metricsOf(join(cwd, run))).map((line) => line.split(',')[0])).toEqual('epoch 1 2 3 4 5'.split(' '));
    expect((await lastCheckpoint(join(cwd, run))).adapter).toEqual({ name: to.name, backend: to.backend });
  }
  recordFault(test.info(), {
    fault: `resumed on another adapter (${first.name}, ${second.name})`,
    injected: isForged ? 1 : 2,
    outcome: 'a warning that names both; training went on',
    lost: 'nothing but the last bits, which differ between adapters',
  });
});
