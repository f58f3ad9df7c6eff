import { type Binding, readBindings } from './bindings.ts';

/** A part of a shader: WGSL that is put after that of others. */
export interface WgslModule {
  /** For labels: `adam`. */
  name: string;
  /** Where it stands, for the compiler's errors; default: its name. */
  file?: string;
  code: string;
}

/** A compute pipeline with what its WGSL says of itself: names, kinds and places of its bindings. */
export interface Kernel {
  readonly label: string;
  /** Compiled when it is first asked for: a page shows its first picture before it has compiled what training needs. */
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** @internal */
  readonly bindings: readonly Binding[];
  /** The compiler's errors, one line each with file, line and column; empty if it compiled. */
  compilationErrors(): Promise<string[]>;
}

/**
 * Compiles modules of WGSL as one shader, see `createKernel`, which does so once for the same ones.
 * @throws SyntaxError if the bindings cannot be read from it
 */
export function compileKernel(
  device: GPUDevice,
  modules: readonly WgslModule[],
  constants: Record<string, number>,
): Kernel {
  const code = codeOf(modules);
  const label = modules.map(({ name }) => name).join('+');
  const bindings = readBindings(
    code,
    (line, what) => new SyntaxError(`read bindings: ${place(modules, line)}: ${what}: mend the WGSL`),
  );
  const module = device.createShaderModule({ label, code });
  const layout = device.createBindGroupLayout({
    label,
    entries: bindings.map(layoutEntry),
  });
  let pipeline: GPUComputePipeline | undefined;
  return {
    label,
    get pipeline() {
      pipeline ??= device.createComputePipeline({
        label,
        layout: device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main', constants },
      });
      return pipeline;
    },
    layout,
    bindings,
    compilationErrors: async () => {
      const { messages } = await module.getCompilationInfo();
      return messages
        .filter((message) => message.type === 'error')
        .map((message) => `${place(modules, message.lineNum)}:${message.linePos}: ${message.message}`);
    },
  };
}

/** The modules put together. */
export function codeOf(modules: readonly WgslModule[]): string {
  return modules.map((part) => part.code).join('\n');
}

function layoutEntry({ binding, kind, access }: Binding): GPUBindGroupLayoutEntry {
  const entry = { binding, visibility: GPUShaderStage.COMPUTE };
  switch (kind) {
    case 'storage texture':
      return { ...entry, storageTexture: { access: 'read-only', format: 'rgba32float' } };
    case 'texture':
      return { ...entry, texture: { sampleType: 'unfilterable-float' } };
    case 'sampler':
      return { ...entry, sampler: { type: 'non-filtering' } };
    case 'uniform':
      return { ...entry, buffer: { type: 'uniform' } };
    default:
      return { ...entry, buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' } };
  }
}

/** The file and line within it of a line of the modules put together. */
function place(modules: readonly WgslModule[], line: number): string {
  let rest = line;
  for (const { name, file = name, code } of modules) {
    const lines = code.split('\n').length;
    if (rest <= lines) return `${file}:${rest}`;
    rest -= lines;
  }
  return `${modules.map(({ name }) => name).join('+')}:${line}`;
}
