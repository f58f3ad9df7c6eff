// Epilogue of conv_gather.wgsl and conv_spread.wgsl: out = activation(sum + bias). Needs conv_activation.wgsl.
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;

fn epilogue(part: u32, row: u32, column: u32, sums: vec4f) {
  let N = channels();
  let value = activate(sums + bias[min(column, N - 4u) >> 2u]);
  if (column < N) { out[(destination(part, row) * N + column) >> 2u] = value; }
}
