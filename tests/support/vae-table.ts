import type { ParameterTable } from '../../src/nn/parameters.ts';
import { type SettledModel, settle } from '../../src/train/model.ts';
import type { VaeConfig } from '../../src/vae/config.ts';
import { type VaeViews, vae } from '../../src/vae/model.ts';

/** A VAE of images of D pixels, without a device. */
export function settledVae(config: Partial<VaeConfig>, D: number): SettledModel<VaeConfig, VaeViews> {
  return settle(vae, config, { rows: 1, columns: D, channels: 1, classes: 0 });
}

/** How its parameters lie in the flat buffer. */
export function vaeTable(config: Partial<VaeConfig>, D: number): ParameterTable {
  return settledVae(config, D).table;
}
