import { type DataSet, describeLayers, type Vae } from 'webgpu-vae';
import { Metrics } from './metrics.ts';
import { PastModels } from './past-models.ts';

/** One training from its first step on, wherever it goes on: what it has shown so far, and its place in the browser's storage. */
export class Run {
  readonly data: DataSet;
  readonly metrics = new Metrics();
  readonly past = new PastModels();
  /** Of its slot in the browser's storage. */
  id: string;

  /** @param id of the slot that a stored run goes on in; by default a new one */
  constructor(data: DataSet, id: string = crypto.randomUUID()) {
    this.data = data;
    this.id = id;
  }
}

/** Data, layers and settings of the present run, in a line. */
export function describeRun({ vae, data }: { vae: Vae; data: DataSet }): string {
  const { batch, learningRate, beta, seed } = vae.config;
  const layers = `${vae.imageSize}-${describeLayers(vae.config)}`;
  return `${data.name}, layers ${layers}, batch ${batch}, learning rate ${learningRate}, β ${beta}, seed ${seed}`;
}
