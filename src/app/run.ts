import { type DataSet, describeLayers, type Vae, type VaeConfig } from 'webgpu-vae';
import { Metrics } from './metrics.ts';
import { PastModels } from './past-models.ts';

/** What pictures of an example say it is. */
export const EXAMPLE = 'trained example';

/** One training from its first step on, wherever it goes on: what it has shown so far, and its place in the browser's storage. */
export class Run {
  readonly data: DataSet;
  readonly metrics = new Metrics();
  readonly past = new PastModels();
  /** Of its slot in the browser's storage. */
  id: string;
  /** Given by the visitor, or empty. */
  name = '';
  /** Only of an example, which is to be looked at: the settings of the run that Train begins in its place. */
  readonly instead: VaeConfig | undefined;

  /** @param id of the slot that a stored run goes on in; by default a new one */
  constructor(data: DataSet, { id = crypto.randomUUID(), instead }: { id?: string; instead?: VaeConfig } = {}) {
    this.data = data;
    this.id = id;
    this.instead = instead;
    if (instead) this.past.beginning = EXAMPLE;
  }
}

/** Data, layers and settings of the present run, in a line. */
export function describeRun({ vae, data }: { vae: Vae; data: DataSet }): string {
  const { batch, learningRate, beta, seed } = vae.config;
  const layers = `${vae.imageSize}-${describeLayers(vae.config)}`;
  return `${data.name}, layers ${layers}, batch ${batch}, learning rate ${learningRate}, β ${beta}, seed ${seed}`;
}
