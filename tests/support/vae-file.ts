/** The file of a VAE that was never trained: enough for everything that reads a model. */
import { initialParameters } from '../../src/nn/parameters.ts';
import { settle } from '../../src/train/model.ts';
import { writeSafetensors } from '../../src/train/safetensors.ts';
import { parseConfig, type VaeConfig } from '../../src/vae/config.ts';
import { vae } from '../../src/vae/model.ts';

/** `model.safetensors` as `train` writes it; `config: false` leaves the settings out, as a state_dict has none. */
export function vaeFile(
  given: Partial<VaeConfig>,
  { rows, columns, channels = 1 }: { rows: number; columns: number; channels?: number },
  { config: withConfig = true, data = 'MNIST' } = {},
): Uint8Array {
  const config = parseConfig(given);
  const { table } = settle(vae, config, { rows, columns, channels, classes: 0 });
  // Ten times as large as a training begins with: images should differ.
  const parameters = initialParameters(table, 1).map(({ data: values, ...rest }) => ({
    ...rest,
    data: values.map((value) => 10 * value),
  }));
  const size = { rows, columns, ...(channels > 1 && { imageChannels: channels }) };
  const metadata = { config: JSON.stringify({ ...config, ...size, data, trainSize: 8 }), step: '5' };
  return writeSafetensors(parameters, withConfig ? metadata : {});
}
