/** Published numbers that a model's can be laid beside: only of the same architecture, and of the same kind of pixels. */
import type { VaeConfig } from 'webgpu-vae';

/** What a published number is of. */
type Measure = 'elbo' | 'reconstruction' | 'kl' | 'nll' | 'activeUnits' | 'neighbours';

/** A published number, and where it stands. */
export interface Reference {
  text: string;
  source: string;
}

interface Known {
  /** Which models it is of. */
  of: { hidden: string; activation: VaeConfig['activation']; latent: number; isBinarized: boolean; objective: string };
  source: string;
  values: Partial<Record<Measure, string>>;
}

const SVAE = 'Davidson et al. 2018, the normal VAE, 500 samples, early stopping';
const svae = (latent: number, values: Known['values']): Known => ({
  of: { hidden: '256,128', activation: 'relu', latent, isBinarized: true, objective: 'elbo' },
  source: SVAE,
  values,
});
const BURDA = { hidden: '200,200', activation: 'tanh', latent: 50, isBinarized: true } as const;

/** Nats per image, positive as they are printed here. */
const KNOWN: readonly Known[] = [
  {
    of: { hidden: '512,256', activation: 'relu', latent: 2, isBinarized: false, objective: 'elbo' },
    source: 'the same model in NumPy, float32, 20 epochs, three seeds',
    values: { elbo: '140.5 – 141.7', reconstruction: '134.0 – 135.1', kl: '6.57 – 6.69', neighbours: '78 – 80 %' },
  },
  {
    of: { hidden: '400', activation: 'relu', latent: 20, isBinarized: false, objective: 'elbo' },
    source: 'pytorch/examples, vae, after epoch 7',
    values: { elbo: '106.7' },
  },
  svae(2, { elbo: '137.08', nll: '135.73' }),
  svae(5, { nll: '110.21' }),
  svae(10, { nll: '93.84' }),
  svae(20, { nll: '88.90' }),
  {
    of: { ...BURDA, objective: 'elbo' },
    source: 'Burda et al. 2016, table 1, VAE, 5,000 samples, 3,280 epochs',
    values: { nll: '86.76', activeUnits: '19' },
  },
  {
    of: { ...BURDA, objective: 'iwae 50' },
    source: 'Burda et al. 2016, table 1, IWAE with 50 samples, 5,000 in the test, 3,280 epochs',
    values: { nll: '84.78', activeUnits: '25' },
  },
];

/** @param isBinarized of the images that are measured: numbers of grey ones are of another scale */
export function referenceOf(config: VaeConfig, isBinarized: boolean, measure: Measure): Reference | undefined {
  if (config.arch !== 'dense' || config.likelihood !== 'bernoulli' || config.beta !== 1) return undefined;
  const own = {
    hidden: config.hidden.join(),
    activation: config.activation,
    latent: config.latent,
    isBinarized,
    objective: config.objective === 'iwae' ? `iwae ${config.iwSamples}` : 'elbo',
  };
  const known = KNOWN.find(
    ({ of }) => JSON.stringify(Object.entries(of).sort()) === JSON.stringify(Object.entries(own).sort()),
  );
  const value = known?.values[measure];
  return known && value !== undefined ? { text: value, source: known.source } : undefined;
}
