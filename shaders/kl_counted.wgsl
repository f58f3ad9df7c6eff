// Which latent dimensions' KL divergence counts: those that free_bits.wgsl says, 1 or 0.
@group(0) @binding(6) var<storage, read> counted: array<f32>;

fn counts(column: u32) -> f32 {
  return counted[column];
}
