// Epilogue of conv_fold.wgsl: the gradient of an input, through the ReLU that made the input, if one did.
@group(0) @binding(3) var<storage, read> mask: array<f32>;
@group(0) @binding(4) var<storage, read_write> dinp: array<f32>;

fn put(index: u32, channel: u32, sum: f32) {
  dinp[index] = select(0.0, sum, (mask[index] > 0.0) | (params.masked == 0u));
}
