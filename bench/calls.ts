/** What was asked of WebGPU in a while. */
export interface WebGpuCalls {
  dispatches: number;
  submits: number;
  buffersCreated: number;
  bindGroupsCreated: number;
  /** Calls of `writeBuffer`. */
  writes: number;
  /** Bytes given to `writeBuffer`, and of buffers that were created mapped. */
  bytesWritten: number;
}

type Method = (this: unknown, ...args: never[]) => unknown;

/** Calls `before` whenever the method is called; the returned function undoes that. */
function spy(owner: { prototype: object }, name: string, before: (...args: never[]) => void): () => void {
  const methods = owner.prototype as Record<string, Method>;
  const original = methods[name]!;
  methods[name] = function (this: unknown, ...args: never[]) {
    before(...args);
    return original.apply(this, args);
  };
  return () => {
    methods[name] = original;
  };
}

/** Sees every buffer that any device creates; the returned function ends that. */
export function watchBuffers(onBuffer: (descriptor: GPUBufferDescriptor) => void): () => void {
  return spy(GPUDevice, 'createBuffer', onBuffer as (...args: never[]) => void);
}

/** Sees every texture that any device creates; the returned function ends that. */
export function watchTextures(onTexture: (descriptor: GPUTextureDescriptor) => void): () => void {
  return spy(GPUDevice, 'createTexture', onTexture as (...args: never[]) => void);
}

/** `writeBuffer` counts offset and size in elements of a typed array, in bytes of anything else. */
function writtenBytes(data: AllowSharedBufferSource, offset = 0, size?: number): number {
  const elementBytes = (data as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
  return size === undefined ? data.byteLength - offset * elementBytes : size * elementBytes;
}

/** Counts WebGPU calls from now on by wrapping the prototypes' methods. `stop` unwraps them and returns the counts. */
export function countCalls(): { stop: () => WebGpuCalls } {
  const calls: WebGpuCalls = {
    dispatches: 0,
    submits: 0,
    buffersCreated: 0,
    bindGroupsCreated: 0,
    writes: 0,
    bytesWritten: 0,
  };
  const undo = [
    spy(GPUComputePassEncoder, 'dispatchWorkgroups', () => calls.dispatches++),
    spy(GPUComputePassEncoder, 'dispatchWorkgroupsIndirect', () => calls.dispatches++),
    spy(GPUQueue, 'submit', () => calls.submits++),
    spy(GPUDevice, 'createBindGroup', () => calls.bindGroupsCreated++),
    watchBuffers(({ mappedAtCreation, size }) => {
      calls.buffersCreated++;
      if (mappedAtCreation) calls.bytesWritten += size;
    }),
    spy(GPUQueue, 'writeBuffer', ((
      _buffer: GPUBuffer,
      _at: number,
      data: AllowSharedBufferSource,
      offset?: number,
      size?: number,
    ) => {
      calls.writes++;
      calls.bytesWritten += writtenBytes(data, offset, size);
    }) as (...args: never[]) => void),
  ];
  return {
    stop: () => {
      for (const restore of undo) restore();
      return calls;
    },
  };
}
