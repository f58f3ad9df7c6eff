/** −ELBO over arithmetic, epoch by epoch: as numbers and as a picture. */
import { Chart, LogarithmicScale } from 'chart.js';
import { axis, FONT, renderChart } from '../src/cli/pictures/chart.ts';
import { openPage } from '../src/cli/pictures/page.ts';
import { classColors } from '../src/data/palette.ts';
import { median, significant } from './statistics.ts';

/** A model's trainings, one for each seed. */
export interface Curves {
  /** With its latent dimensions. */
  name: string;
  gflop_per_epoch: number;
  runs: { seed: number; curve: number[] }[];
}

const WIDTH = 960;
const HEIGHT = 560;

/** CSV: after each epoch of each training the arithmetic so far and −ELBO. */
export function curvesAsCsv(models: readonly Curves[]): string {
  const lines = models.flatMap(({ name, gflop_per_epoch, runs }) =>
    runs.flatMap(({ seed, curve }) =>
      curve.map((elbo, i) => `"${name}",${seed},${i + 1},${significant(gflop_per_epoch * (i + 1))},${elbo.toFixed(4)}`),
    ),
  );
  return `${['model,seed,epoch,gflop,minus_elbo', ...lines].join('\n')}\n`;
}

/** PNG: a line for each model, the medians of its seeds. */
export function curvesAsPicture(models: readonly Curves[], subtitle: string): Buffer {
  Chart.register(LogarithmicScale);
  const page = openPage({
    title: '−ELBO of the test images over the arithmetic of training',
    subtitle,
    width: WIDTH,
    height: HEIGHT,
  });
  // Chart.js types each axis by its kind, `renderChart` knows linear ones.
  const logarithmic = { ...axis('GFLOP of training'), type: 'logarithmic' } as unknown as ReturnType<typeof axis>;
  const colors = classColors(models.length);
  const chart = renderChart(
    {
      type: 'line',
      data: {
        datasets: models.map(({ name, gflop_per_epoch, runs }, i) => ({
          label: name,
          data: runs[0]!.curve.map((_, epoch) => ({
            x: gflop_per_epoch * (epoch + 1),
            y: median(runs.map(({ curve }) => curve[epoch]!)),
          })),
          borderColor: colors[i]!,
          backgroundColor: colors[i]!,
          borderWidth: 2,
          pointRadius: 2.5,
        })),
      },
      options: {
        scales: {
          x: logarithmic,
          y: axis('−ELBO, nats per image'),
        },
        plugins: { legend: { position: 'right', labels: { font: FONT, boxHeight: 2, boxWidth: 24 } } },
      },
    },
    WIDTH,
    HEIGHT,
  );
  page.ctx.drawImage(chart, page.left, page.top);
  return page.png();
}
