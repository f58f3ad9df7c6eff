import { settle } from '../src/train/model.ts';
import type { VaeConfig } from '../src/vae/config.ts';
import { vae } from '../src/vae/model.ts';

/** A dense layer and where its parameters lie in the flat buffer, in elements. */
export interface Layer {
  name: string;
  inputs: number;
  outputs: number;
  weightOffset: number;
  biasOffset: number;
}

/** The model's layers from the images to the logits; μ and log σ² are one. */
export function vaeLayers(config: Partial<VaeConfig>, imageSize: number): Layer[] {
  const { table } = settle(vae, config, { rows: 1, columns: imageSize, channels: 1, classes: 0 });
  return [...table.modules.values()].map(({ spec, offsets }) => {
    const [outputs, inputs] = spec.parameters.weight!.shape as [number, number];
    return { name: spec.name, inputs, outputs, weightOffset: offsets.weight!, biasOffset: offsets.bias! };
  });
}
