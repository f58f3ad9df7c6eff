/** Turns a GPUAdapter's scattered facts into an AdapterDescription. */
import type { AdapterDescription } from './types.ts';

type AdapterType = AdapterDescription['type'];

const LAVAPIPE = /llvmpipe/i;
const SWIFTSHADER = /swiftshader/i;

/** Judges by the name where WebGPU is silent. Jetson-class NVIDIA chips share the CPU's memory; Apple's always do. */
function adapterType(info: GPUAdapterInfo): AdapterType {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`.toLowerCase();
  if (info.isFallbackAdapter || LAVAPIPE.test(text) || SWIFTSHADER.test(text)) return 'CPU';
  if (/nvidia/.test(text)) return /tegra|orin|xavier/.test(text) ? 'integrated GPU' : 'discrete GPU';
  if (/apple|qualcomm|adreno|\barm\b|mali|broadcom|img-tec|powervr/.test(text)) return 'integrated GPU';
  if (/intel/.test(text)) return /\barc\b.*\b[ab]\d{3}/.test(text) ? 'discrete GPU' : 'integrated GPU';
  if (/\b(rx|instinct|firepro)\b|\bpro[ -]w\d/.test(text)) return 'discrete GPU';
  if (/\b\d{3,4}m\b|radeon[ -]graphics|\bvega[ -]\d+[ -]graphics/.test(text)) return 'integrated GPU';
  return 'unknown';
}

function adapterName(info: GPUAdapterInfo): string {
  const text = `${info.architecture} ${info.device} ${info.description}`;
  if (SWIFTSHADER.test(text)) return 'SwiftShader';
  if (LAVAPIPE.test(text)) {
    const mesa = /Mesa [\d.]+/.exec(info.description);
    return mesa ? `llvmpipe (${mesa[0]})` : 'llvmpipe';
  }
  // Dawn writes the device's name in kebab case.
  const device = info.device.replace(/-+/g, ' ').trim();
  return device || info.description || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'unnamed adapter';
}

/** Reads everything about an adapter that is worth showing. */
export function describeAdapter(
  adapter: GPUAdapter,
  backend: string,
  source: AdapterDescription['source'],
): AdapterDescription {
  const { info } = adapter;
  const type = adapterType(info);
  const limits: Record<string, number> = {};
  for (const key in adapter.limits) {
    const value: unknown = adapter.limits[key as keyof GPUSupportedLimits];
    if (typeof value === 'number') limits[key] = value;
  }
  return {
    name: adapterName(info),
    type,
    software: type === 'CPU',
    backend,
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    features: Array.from(adapter.features as Iterable<string>).sort(),
    limits,
    source,
  };
}

/** Mesa's software adapter, the fastest that is known. */
export function isLavapipe({ name }: AdapterDescription): boolean {
  return LAVAPIPE.test(name);
}

/** Whether `wanted` is part of the adapter's name, in any case. Mesa's llvmpipe is also known as lavapipe. */
export function matchesName(info: AdapterDescription, wanted: string): boolean {
  const names = [info.name, info.vendor, info.device, info.description];
  if (isLavapipe(info)) names.push('lavapipe');
  return names.some((name) => name.toLowerCase().includes(wanted.toLowerCase()));
}
