import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright/test';
import { readCheckpoint, readParameters } from '../../src/vae/checkpoint.ts';
import type { Snapshot } from '../../src/vae/vae.ts';
import { openSite, stepOf, test } from '../app/site.ts';
import { adapterOptions, webgpuVae } from '../cli/command.ts';
import { expect } from '../support/fixtures.ts';
import { bitsOf, recordFault } from './faults.ts';

const press = (page: Page, name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click();

async function save(page: Page, path: string): Promise<Snapshot> {
  const downloading = page.waitForEvent('download');
  await press(page, 'Save checkpoint');
  await (await downloading).saveAs(path);
  return readCheckpoint(await readFile(path));
}

/** All that both sides must agree on; where and how long they computed is their own. */
function common({ adapter: _, kernels: __, seconds: ___, ...rest }: Snapshot): object {
  const { parameters, m, v, ...state } = rest;
  return { ...state, bits: bitsOf([...parameters, ...m, ...v]).toString('base64') };
}

test('a training goes from the page to the command line, back, and to the command line again', async ({
  page,
  siteUrl,
  errors,
}, testInfo) => {
  const cwd = testInfo.outputPath('work');
  await mkdir(cwd, { recursive: true });
  const at = (...names: string[]): string => join(cwd, ...names);
  await openSite(page, siteUrl, '#hidden=16&latent=3&batch=2048&epochs=1&seed=11&beta=2');
  const step = page.getByRole('button', { name: 'Step', exact: true });
  for (const done of [1, 2]) {
    await expect(step).toBeEnabled();
    await step.click();
    await expect.poll(() => stepOf(page)).toBe(done);
  }
  await expect(step).toBeEnabled();

  // In the middle of an epoch, from the page.
  const begun = await save(page, at('page.safetensors'));
  expect(begun).toMatchObject({ step: 2, sums: { weight: 2 }, config: { beta: 2, seed: 11 } });
  const run = await webgpuVae(['train', '--resume', 'page.safetensors', '--out', 'run', ...adapterOptions], cwd);
  expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: '' });
  expect(run.stdout).toContain('Resuming page.safetensors after step 2.');
  expect(run.stdout).toMatch(/Warning: the checkpoint was made on .+ \(WebGPU\), this is .+: training goes on/);
  expect(run.stdout).toContain('epoch 1/1: test −ELBO');
  const trained = readCheckpoint(await readFile(at('run', 'checkpoint.safetensors')));
  expect(trained).toMatchObject({ step: 30, config: begun.config, data: begun.data });

  // From the command line into the page, which has it bit for bit and goes on.
  await page.getByLabel('Checkpoint file').setInputFiles(at('run', 'checkpoint.safetensors'));
  await expect.poll(() => stepOf(page)).toBe(30);
  await expect(page.getByRole('button', { name: 'Save checkpoint' })).toBeEnabled();
  expect(common(await save(page, at('back.safetensors')))).toEqual(common(trained));
  await page.getByLabel('Epochs').fill('2');
  await press(page, 'Train');
  // Batches straddle epochs: two are 58.6 batches long.
  await expect.poll(() => stepOf(page)).toBe(59);
  await expect(page.getByRole('status')).toContainText('finished');

  // And what the page has finished is a model of the command line's.
  const finished = await save(page, at('finished.safetensors'));
  expect(finished.history.map(({ epoch, step: end }) => [epoch, end])).toEqual([
    [1, 30],
    [2, 59],
  ]);
  expect(finished.history[0]).toEqual(trained.history[0]);
  const end = await webgpuVae(['train', '--resume', 'finished.safetensors', '--out', 'end', ...adapterOptions], cwd);
  expect({ code: end.code, stderr: end.stderr }).toEqual({ code: 0, stderr: '' });
  const model = readParameters(await readFile(at('end', 'model.safetensors')));
  expect(bitsOf(model).equals(bitsOf(finished.parameters))).toBe(true);
  const rows = (await readFile(at('end', 'metrics.csv'), 'utf8')).trimEnd().split('\n').slice(1);
  expect(rows.map((row) => row.split(',').slice(0, 3).join())).toEqual(
    finished.history.map(({ epoch, step: at, train }) => `${epoch},${at},${train.loss.toFixed(6)}`),
  );
  expect(errors).toEqual([]);
  recordFault(testInfo, {
    fault: 'training handed from the page to the command line, back, and again',
    injected: 3,
    outcome: 'each went on from the other; parameters, moments, losses and history are equal bit for bit',
    lost: 'nothing',
  });
});

test('the page refuses a checkpoint that was made with other images, and keeps its model', async ({
  page,
  siteUrl,
  errors,
}, testInfo) => {
  const cwd = testInfo.outputPath('work');
  await mkdir(cwd, { recursive: true });
  const args = ['--train-size', '64', '--batch', '32', '--hidden', '8', '--epochs', '1', '--quiet', '--out', 'run'];
  expect(await webgpuVae(['train', ...args, ...adapterOptions], cwd)).toMatchObject({ code: 0, stderr: '' });
  await openSite(page, siteUrl);
  await page.getByLabel('Checkpoint file').setInputFiles(join(cwd, 'run', 'checkpoint.safetensors'));
  await expect(page.getByRole('alert')).toContainText('Loading the checkpoint failed');
  await expect(page.getByRole('alert')).toContainText(
    /data set is "MNIST" with 60000 training images .* made with "MNIST" with 64 training images .* trainCount differs/,
  );
  await expect(page.getByLabel('Hidden layers')).toHaveValue('32');
  expect(errors).toEqual([]);
});
