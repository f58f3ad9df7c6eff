// scale: what a gradient is multiplied by, the same in every step. Needs params with `scale`.
fn scale() -> f32 {
  return params.scale;
}
