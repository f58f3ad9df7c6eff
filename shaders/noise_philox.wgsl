// noise: eps ~ N(0, 1) from a counter; the backward pass draws the same numbers again. Needs normal.wgsl.
fn noise(index: u32, step: u32, stream: u32, seed: u32) -> f32 {
  return standard_normal(vec4u(index, step, stream, 0u), vec2u(seed, 0u));
}
