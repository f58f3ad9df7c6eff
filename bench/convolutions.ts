/**
 * `npm run bench:conv`: a training step of the convolutional VAE of keras.io's size beside that of the dense one, with each
 * variant of the kernels, and the time of each of its dispatches.
 */
import { parseArgs } from 'node:util';
import { takeFirst } from '../src/data/dataset.ts';
import { createDevice, loadMnist } from '../src/index.ts';
import { type GemmVariant, stepFlops, supportedVariants } from '../src/kernels/gemm.ts';
import type { VaeConfig } from '../src/vae/config.ts';
import { Vae } from '../src/vae/vae.ts';
import { describeMachine, machineLine } from './machine.ts';
import { median, significant } from './statistics.ts';
import { table } from './table.ts';

/** conv 32 s2, conv 64 s2, dense 16, latent 2 and back: 40 million multiply-adds and additions for an image. */
const KERAS: Partial<VaeConfig> = { arch: 'conv', channels: [32, 64], dense: 16, latent: 2 };
const BATCHES = 4;
const USAGE = `Usage: npm run bench:conv [-- options]
  --adapter <name>  part of the adapter's name
  --rounds <n>      turns of every model, one after the other; default: 5
  --steps <n>       of the convolutional model in a turn, the dense one does four times as many; default: 4
  --variants        with each variant of the kernels, too
  --dispatches      the time of each dispatch of the convolutional step, too`;

interface Entry {
  name: string;
  vae: Vae;
  steps: number;
  ms: number[];
  processorMs: number[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      adapter: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      steps: { type: 'string', default: '4' },
      variants: { type: 'boolean', default: false },
      dispatches: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return print(USAGE);
  const [rounds, steps] = [Number(values.rounds), Number(values.steps)];
  if (![rounds, steps].every((count) => Number.isInteger(count) && count >= 1)) throw new Error(USAGE);
  const device = await createDevice(values.adapter === undefined ? {} : { adapter: values.adapter });
  const mnist = await loadMnist();
  const data = { ...mnist, train: takeFirst(mnist.train, 128 * BATCHES), test: takeFirst(mnist.test, 128) };
  // What splits k of dense products is nothing else for convolutions.
  const variants = supportedVariants(device).filter((variant) => variant !== 'tile_32x32_split_k');
  const entries: Entry[] = [];
  const add = async (name: string, config: Partial<VaeConfig>, count: number, chosen?: GemmVariant): Promise<void> => {
    const vae = await Vae.create(device, data, config, chosen ? { variants: chosen } : {});
    await vae.advance(2);
    entries.push({ name, vae, steps: count, ms: [], processorMs: [] });
  };
  await add('dense 784-512-256-2', {}, 4 * steps);
  await add('convolutional', KERAS, steps);
  for (const variant of values.variants ? variants : []) await add(`convolutional, ${variant}`, KERAS, steps, variant);
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries) {
      const [began, used] = [performance.now(), process.cpuUsage()];
      await entry.vae.advance(entry.steps);
      const { user, system } = process.cpuUsage(used);
      entry.ms.push((performance.now() - began) / entry.steps);
      entry.processorMs.push((user + system) / 1000 / entry.steps);
    }
  }
  print(machineLine(device.info.name, describeMachine()));
  print(
    table(
      ['model', 'GFLOP a step', 'ms a step', 'ms of processor time', 'GFLOP/s', 'GFLOP a second of processor time'],
      entries.map(({ name, vae, ms, processorMs }) => {
        const flops = stepFlops(vae.settled.problems) / 1e6;
        const [typical, used] = [median(ms), median(processorMs)];
        const rates = [typical, used, flops / typical, flops / used].map((rate) => significant(rate));
        return [name, significant(flops / 1e3), rates[0]!, rates[1]!, rates[2]!, rates[3]!];
      }),
    ),
  );
  if (values.dispatches) {
    const times = await entries[1]!.vae.profile(steps);
    print(
      table(
        ['dispatch', 'ms'],
        times.map(({ label, ms }) => [label, significant(ms)]),
      ),
    );
  }
  for (const { vae } of entries) vae.dispose();
  device.dispose();
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

await main();
process.exit(0);
