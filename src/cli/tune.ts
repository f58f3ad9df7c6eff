/** `webgpu-vae tune`: which kernels are the fastest here, and by how much. */
import { createDevice, tunedVariants, tuningStore, vaeProblems } from 'webgpu-vae';
import { problemKey, type TunedProblem } from 'webgpu-vae/kernels';
import { adapterLine } from './describe.ts';
import { colours } from './format.ts';
import type { TuneSettings } from './tune-command.ts';

const { bold } = colours(process.stdout);

/**
 * Measures, prints a line for each problem, and remembers the answers.
 * @returns 0
 * @throws NoAdapterError, DeviceLimitError, GpuError, DeviceLostError
 */
export async function tune({ adapter, ...settings }: TuneSettings): Promise<number> {
  const device = await createDevice(adapter === undefined ? {} : { adapter });
  try {
    const { imageSize, budgetMs, ...model } = settings;
    print(`Adapter: ${adapterLine(device.info)}.`);
    const options = { store: tuningStore, again: true, budgetMs };
    const { tuning } = await tunedVariants(device, vaeProblems(model, imageSize), options);
    print('Operation and sizes B x C x OC, the largest first; in ms the shortest time of a run:');
    const width = Math.max(...tuning!.problems.map(({ problem }) => problemKey(problem).length));
    for (const problem of tuning!.problems) print(`  ${line(problem, width)}`);
    print(`Measured in ${(tuning!.elapsedMs / 1000).toFixed(1)} s and remembered for train.`);
    return 0;
  } finally {
    device.dispose();
  }
}

/** `forward 128x784x512  subgroup  1.29, tile_32x32 8.1`: the chosen one in bold, the default first. */
function line({ problem, chosen, candidates }: TunedProblem, width: number): string {
  const times = candidates.map(({ choice, ms }) => {
    const text = `${choice} ${ms.toPrecision(3)}`;
    return choice === chosen ? bold(text) : text;
  });
  const [first] = candidates;
  const best = candidates.find(({ choice }) => choice === chosen);
  const reason =
    !first || !best
      ? 'no time left: the default'
      : best === first
        ? 'the default; no other is faster by 5 %'
        : `${(first.ms / best.ms).toFixed(2)} times as fast as the default`;
  return `${problemKey(problem).padEnd(width)}  ${chosen}: ${reason} (${times.join(', ') || 'not measured'})`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
