// Epilogue of conv_gather.wgsl and conv_spread.wgsl: the gradient of an input, through the ReLU that made the input, if one did.
@group(0) @binding(3) var<storage, read> mask: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dinp: array<vec4f>;

fn epilogue(part: u32, row: u32, column: u32, sums: vec4f) {
  let N = channels();
  let first = destination(part, row) * N;
  // Read also where nothing is stored: reads within a condition take compilers seconds.
  let positive = mask[(first + min(column, N - 4u)) >> 2u] > vec4f();
  let value = select(vec4f(), sums, positive | vec4<bool>(params.masked == 0u));
  if (column < N) { dinp[(first + column) >> 2u] = value; }
}
