// noise: eps read from a buffer (steps, B, L), to replay a run whose noise was drawn elsewhere.
@group(0) @binding(8) var<storage, read> eps: array<f32>;

fn noise(index: u32, step: u32, stream: u32, seed: u32) -> f32 {
  return eps[step * params.batch * params.latent + index];
}
