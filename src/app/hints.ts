import { type Losses, type NonFiniteError, parseConfig, type Vae } from 'webgpu-vae';
import { reconstructionName, totalName } from './numbers.ts';

/** The part of a session that tells how training goes. */
export interface Trained {
  vae: Pick<Vae, 'config' | 'step' | 'history'>;
  data: { name: string };
  metrics: { train: readonly Losses[] };
  /** What ended training. */
  failure: NonFiniteError | undefined;
}

/** What predicting the mean image costs on MNIST: a model there has learned nothing about single images. */
const MEAN_IMAGE_BCE = 205.8;

/** One or two plain sentences on how training goes. */
export function hintFor(session: Trained): string {
  const { config } = session.vae;
  if (session.failure) {
    return `A number became infinite or no number at all, so training stopped. Choose a smaller learning rate than ${config.learningRate} (0.001 is usual) or a smaller β, and press Reset.`;
  }
  const last = session.metrics.train.at(-1);
  const collapse = last && collapseHint(last, session);
  if (collapse) return collapse;
  if (config.learningRate > 0.02) {
    return `A learning rate of ${config.learningRate} is unusually large for Adam: 0.001 is usual, and above 0.02 training mostly fails.`;
  }
  if (config.learningRate < 1e-5) {
    return `A learning rate of ${config.learningRate} is very small: expect hardly any change within an epoch.`;
  }
  if (isDefault(session)) return expectation(session);
  const reconstruction = reconstructionName(config);
  const total = totalName(config);
  const is = config.beta === 1 ? 'another sum' : '−ELBO only where β is 1';
  const trained = total === '−ELBO' ? '' : ` Trained is ${total}, which is ${is}.`;
  const negative = reconstruction === 'NLL' ? ' NLL, of grey levels, may be below 0.' : '';
  return `All losses are in nats per image. −ELBO = ${reconstruction} + KL; lower is better.${trained}${negative}`;
}

function collapseHint({ bce = Number.NaN, kld = Number.NaN }: Partial<Losses>, session: Trained): string | undefined {
  if (session.vae.step < 200 || session.data.name !== 'MNIST') return undefined;
  if (kld < 0.2 && Math.abs(bce - MEAN_IMAGE_BCE) < 12) {
    return `The posterior has collapsed: KL is near 0 and BCE near ${MEAN_IMAGE_BCE}, so every image is decoded to the mean image. Try a smaller β, a smaller learning rate, or another seed.`;
  }
  return undefined;
}

function isDefault({ vae, data }: Trained): boolean {
  // How long it trains, and from which seed, makes no other model of it.
  const expected = { ...parseConfig(), epochs: vae.config.epochs, seed: vae.config.seed };
  return data.name === 'MNIST' && JSON.stringify(expected) === JSON.stringify(vae.config);
}

/** Test −ELBO of the default settings by epoch, ± 3: what a correct run shows. */
const EXPECTED: readonly (readonly [epoch: number, loss: number])[] = [
  [1, 163],
  [2, 156],
  [3, 152],
  [5, 148],
  [10, 144],
  [20, 141],
];

function expectation({ vae }: Trained): string {
  const done = vae.history.at(-1)?.epoch ?? 0;
  const next = EXPECTED.find(([each]) => each > done && each <= vae.config.epochs);
  const [epoch, loss] = next ?? EXPECTED.findLast(([each]) => each <= Math.max(1, done))!;
  return `With these settings expect a test −ELBO of about ${loss - 3} to ${loss + 3} nats after epoch ${epoch}, and 140 to 143 after 20. −ELBO = BCE + KL; lower is better.`;
}
