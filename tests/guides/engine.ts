/** `webgpu-vae` as the guides' programs get it here: on the tests' adapter, with few of MNIST's images and narrow layers. */
import {
  createVae as asWide,
  type CreateOptions,
  type DataSet,
  type Device,
  type LoadOptions,
  type OpenAdapterOptions,
  takeFirst,
  type Vae,
  type VaeConfig,
  createDevice as whicheverDevice,
  loadMnist as wholeMnist,
} from 'webgpu-vae';

export * from 'webgpu-vae';

const { WEBGPU_VAE_ADAPTER: adapter } = process.env;

export function createDevice(options: OpenAdapterOptions = {}): Promise<Device> {
  return whicheverDevice({ ...(adapter ? { adapter } : {}), ...options });
}

export function createVae(
  device: Device,
  data: DataSet,
  config: Partial<VaeConfig> = {},
  options: CreateOptions = {},
): Promise<Vae> {
  return asWide(device, data, config.hidden ? { ...config, hidden: [32] } : config, options);
}

export async function loadMnist(directory?: string, options?: LoadOptions): Promise<DataSet> {
  const data = await wholeMnist(directory, options);
  return { ...data, train: takeFirst(data.train, 640), test: takeFirst(data.test, 64) };
}
