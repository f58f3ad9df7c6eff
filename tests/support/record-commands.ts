type Methods = Record<string, (this: unknown, ...args: never[]) => unknown>;

/** Calls `after` with the result and the arguments of every call of a method; the returned function undoes that. */
function spy(
  owner: { prototype: object },
  name: string,
  after: (this: never, result: unknown, ...args: never[]) => void,
): () => void {
  const methods = owner.prototype as Methods;
  const original = methods[name]!;
  methods[name] = function (this: unknown, ...args: never[]) {
    const result = original.apply(this, args);
    after.call(this as never, result, ...args);
    return result;
  };
  return () => {
    methods[name] = original;
  };
}

/**
 * From now on sees what bind groups are made, and while `record` runs what is encoded with them: a line for every dispatch and every
 * copy to a texture, with names and sizes, which do not change from one device to the next.
 */
export function watchCommands(): { record<T>(work: () => Promise<T>): Promise<string[]>; stop(): void } {
  const groups = new WeakMap<object, GPUBindGroupDescriptor>();
  const views = new WeakMap<object, string>();
  const describe = ({ binding, resource }: GPUBindGroupEntry): string => {
    const { buffer, offset = 0, size } = resource as GPUBufferBinding;
    if (buffer) return `${binding}=${buffer.label}+${offset}:${size ?? buffer.size}`;
    return `${binding}=${views.get(resource) ?? 'sampler'}`;
  };
  let commands: string[] | undefined;
  let kernel = '';
  let group: GPUBindGroupDescriptor | undefined;
  const undo = [
    spy(GPUTexture, 'createView', function (this: GPUTexture, view) {
      views.set(view as object, `texture of ${this.label}`);
    }),
    spy(GPUDevice, 'createBindGroup', (made, descriptor: GPUBindGroupDescriptor) => {
      groups.set(made as object, descriptor);
    }),
    spy(GPUComputePassEncoder, 'setPipeline', (_, pipeline: GPUComputePipeline) => {
      kernel = pipeline.label;
    }),
    spy(GPUComputePassEncoder, 'setBindGroup', (_, _index: number, made: GPUBindGroup) => {
      group = groups.get(made);
    }),
    spy(GPUComputePassEncoder, 'dispatchWorkgroups', (_, ...workgroups: number[]) => {
      const bindings = [...(group?.entries ?? [])].map(describe);
      commands?.push(`${group?.label} | ${kernel} | ${workgroups.join(' x ')} | ${bindings.join(', ')}`);
    }),
    spy(
      GPUCommandEncoder,
      'copyBufferToTexture',
      (_, source: GPUTexelCopyBufferInfo, target: GPUTexelCopyTextureInfo) => {
        commands?.push(`copy ${source.buffer.label}+${source.offset ?? 0} to ${target.texture.label}`);
      },
    ),
  ];
  return {
    async record(work) {
      commands = [];
      await work();
      const recorded = commands;
      commands = undefined;
      return recorded;
    },
    stop() {
      for (const restore of undo) restore();
    },
  };
}
