/** The parameters in files of any origin. */
import type { NamedTensor } from '../nn/parameters.ts';
import { checkVersion, MOMENTS } from './checkpoint.ts';
import { quote } from './json.ts';
import { readSafetensors, SafetensorsError } from './safetensors.ts';

/** What PyTorch puts before the names of a wrapped model: DistributedDataParallel or DataParallel, and torch.compile. */
const WRAPPERS = ['module.', '_orig_mod.'];

/**
 * The parameters of a model's file or of a checkpoint, for a training that begins with them. F16 and BF16 become f32,
 * and PyTorch's prefixes for wrapped models are left out of the names.
 *
 * @param onNotice told in a line of whatever is not as it is in the file
 * @throws SafetensorsError, CheckpointError
 */
export function readParameters(bytes: Uint8Array, onNotice: (line: string) => void = () => {}): NamedTensor[] {
  const { tensors, metadata, notices } = readSafetensors(bytes);
  checkVersion(bytes, metadata);
  const prefixes = Object.values(MOMENTS);
  const parameters = tensors.filter(({ name }) => !prefixes.some((prefix) => name.startsWith(prefix)));
  for (const { name, data } of parameters) {
    const bad = data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) refuse(`tensor ${quote(name)}: element ${bad} is ${data[bad]}, expected finite numbers`);
  }
  for (const notice of notices) onNotice(notice);
  return unwrapped(parameters, onNotice);
}

function unwrapped(tensors: NamedTensor[], onNotice: (line: string) => void): NamedTensor[] {
  const left = new Set<string>();
  const names = new Set<string>();
  const renamed = tensors.map((tensor) => {
    let { name } = tensor;
    for (;;) {
      const prefix = WRAPPERS.find((wrapper) => name.startsWith(wrapper));
      if (prefix === undefined) break;
      left.add(prefix);
      name = name.slice(prefix.length);
    }
    if (names.has(name)) refuse(`two tensors are named ${quote(name)} without ${[...left].join(' and ')}`);
    names.add(name);
    return { ...tensor, name };
  });
  if (left.size > 0)
    onNotice(`PyTorch's ${[...left].map((prefix) => quote(prefix)).join(' and ')} was left out of the tensors' names.`);
  return renamed;
}

function refuse(message: string): never {
  throw new SafetensorsError(`safetensors read: ${message}: use another file`);
}
