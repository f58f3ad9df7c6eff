// scale: what a gradient is multiplied by, by a schedule. Needs params with `scale`, state.wgsl, step_schedule.wgsl.
@group(0) @binding(7) var<storage, read> clock: State;

fn scale() -> f32 {
  return params.scale * step_factor(clock.step);
}
