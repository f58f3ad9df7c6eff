/** An evaluation in rows: what is measured, the value, and what it is to be compared with. */
import { COMPONENTS, type Evaluation, NEIGHBOURS, type SampleQuality, type VaeConfig } from 'webgpu-vae';
import { type Reference, referenceOf } from './eval-references.ts';
import { thousands } from './format.ts';

/** One number of an evaluation. */
export interface EvalRow {
  /** Of eval.json, stays the same. */
  key: string;
  name: string;
  value: number;
  /** As it is printed, with its unit. */
  text: string;
  /** What is compared with what. */
  says: string;
  reference?: Reference;
}

export interface EvalContext {
  config: VaeConfig;
  /** `grey`, or `binarized` and how: never in one column. */
  pixels: string;
  isBinarized: boolean;
  testCount: number;
  trainCount: number;
}

export function rowsOf(evaluation: Evaluation, context: EvalContext): EvalRow[] {
  const { config, pixels, isBinarized, testCount, trainCount } = context;
  const { elbo, kl, bound, aggregate, samples } = evaluation;
  const term = elbo.term.toUpperCase();
  // One step alone says nothing of how images differ.
  const known = Number.isFinite(bound.standardError);
  const nats = (value: number) => value.toFixed(2);
  const percent = (part: number) => `${(100 * part).toFixed(1)} %`;
  const test = `${thousands(testCount)} ${pixels} test images`;
  const reference = (measure: Parameters<typeof referenceOf>[2]) => {
    const found = referenceOf(config, isBinarized, measure);
    return found && { reference: found };
  };
  const rows: EvalRow[] = [
    {
      key: 'minusElbo',
      name: '−ELBO',
      value: elbo.minusElbo,
      text: nats(elbo.minusElbo),
      says: `nats per image, one z ~ q(z|x) for each of ${test}; ${term} + KL`,
      ...reference('elbo'),
    },
    {
      key: elbo.term,
      name: term,
      value: elbo.reconstruction,
      text: nats(elbo.reconstruction),
      says: 'nats per image, −log p(x|z) of the same z',
      ...reference('reconstruction'),
    },
    {
      key: 'kl',
      name: 'KL',
      value: elbo.kld,
      text: nats(elbo.kld),
      says: 'nats per image, of q(z|x) from N(0, I)',
      ...reference('kl'),
    },
    {
      key: 'iwNll',
      name: `NLL, ${thousands(bound.samples)} samples`,
      value: bound.nll,
      text: nats(bound.nll) + (known ? ` ± ${bound.standardError.toFixed(2)}` : ''),
      says: `nats per image, importance-weighted bound on −log p(x) of the first ${thousands(bound.images)} of the ${pixels} test images${known ? '; ± the standard error over images' : ''}`,
      ...reference('nll'),
    },
    {
      key: 'activeUnits',
      name: 'active units',
      value: evaluation.activeUnits,
      text: `${evaluation.activeUnits} of ${config.latent}`,
      says: 'dimensions of z whose mean has a variance above 0.01 over the test images',
      ...reference('activeUnits'),
    },
    ...kl.map(
      (value, j): EvalRow => ({
        key: `kl.${j}`,
        name: `KL of z${j}`,
        value,
        text: value.toFixed(3),
        says: 'nats per image, of this dimension alone',
      }),
    ),
    {
      key: 'mutualInformation',
      name: 'I(x; z)',
      value: aggregate.mutualInformation,
      text: nats(aggregate.mutualInformation),
      says: `nats, minibatch estimate: ${thousands(aggregate.drawn)} z, q(z) as a mixture of ${thousands(aggregate.components)} posteriors; at most ${Math.log(aggregate.components).toFixed(2)}`,
    },
    {
      key: 'marginalKl',
      name: 'KL(q(z) ‖ p(z))',
      value: aggregate.marginalKl,
      text: nats(aggregate.marginalKl),
      says: 'nats, by the same estimate: how far the codes of all images together are from N(0, I)',
    },
    {
      key: 'squaredError',
      name: 'squared error',
      value: evaluation.squaredError,
      text: evaluation.squaredError.toFixed(4),
      says: `of a pixel in [0, 1], mean over ${test}: the image and its decoded μ`,
    },
  ];
  if (evaluation.neighbours !== undefined) {
    rows.push({
      key: 'neighbours',
      name: `${NEIGHBOURS} neighbours`,
      value: evaluation.neighbours,
      text: percent(evaluation.neighbours),
      says: `of the test images have the class of most of the ${NEIGHBOURS} nearest μ among ${thousands(trainCount)} training images`,
      ...reference('neighbours'),
    });
  }
  if (evaluation.probe !== undefined) {
    rows.push({
      key: 'probe',
      name: 'linear probe',
      value: evaluation.probe,
      text: percent(evaluation.probe),
      says: 'of the test images have the class that softmax regression on μ says, trained on the training images',
    });
  }
  if (samples) rows.push(...sampleRows(samples, percent));
  return rows;
}

/** What each kind of image is. */
const SAMPLES: Record<keyof NonNullable<Evaluation['samples']>, [string, string]> = {
  test: ['test images', 'grey test images: the floor of the distance'],
  reconstructions: ['reconstructions', 'decoded μ of the test images'],
  prior: ['samples, N(0, I)', 'decoded z ~ N(0, I)'],
  mixture: [
    'samples, mixture',
    `decoded z of ${COMPONENTS} normal distributions fitted to z ~ q(z|x) of the training images`,
  ],
};

function sampleRows(samples: NonNullable<Evaluation['samples']>, percent: (part: number) => string): EvalRow[] {
  return (Object.entries(samples) as [keyof typeof SAMPLES, SampleQuality][]).flatMap(([kind, quality]) => {
    const [name, what] = SAMPLES[kind];
    const rows: EvalRow[] = [
      {
        key: `${kind}.frechet`,
        name: `Fréchet, ${name}`,
        value: quality.frechet,
        text: quality.frechet.toFixed(2),
        says: `distance of ${thousands(quality.images)} ${what} from the training images, in features of the digit classifier, version 1; no other FID`,
      },
    ];
    if (quality.accuracy !== undefined) {
      rows.push({
        key: `${kind}.accuracy`,
        name: `accuracy, ${name}`,
        value: quality.accuracy,
        text: percent(quality.accuracy),
        says: `of these have the class that the classifier sees`,
      });
    }
    rows.push({
      key: `${kind}.confidence`,
      name: `confidence, ${name}`,
      value: quality.confidence,
      text: percent(quality.confidence),
      says: 'mean probability of the class that the classifier finds the likeliest',
    });
    return rows;
  });
}

/** The rows as text: value and reference in columns, what is compared with what below each. */
export function tableOf(
  rows: readonly EvalRow[],
  dim: (text: string) => string,
  bold: (text: string) => string,
): string {
  const width = Math.max(...rows.map(({ name }) => [...name].length));
  const values = Math.max(...rows.map(({ text }) => [...text].length));
  return rows
    .map(({ name, text, says, reference }) => {
      const beside = reference ? `   reference ${reference.text}` : '';
      const source = reference ? `; reference: ${reference.source}` : '';
      return `${name.padEnd(width)}  ${bold(text.padStart(values))}${beside}\n${dim(`    ${says}${source}`)}`;
    })
    .join('\n');
}
