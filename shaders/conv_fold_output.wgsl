// Epilogue of conv_fold.wgsl: out = activation(sum + bias). Needs conv_activation.wgsl.
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

fn put(index: u32, channel: u32, sum: f32) {
  out[index] = activate(sum + bias[channel]);
}
