// dense layer, backward: dinp = dout weight, layout NN, through the ReLU that made inp, if one did.

@group(0) @binding(5) var<storage, read> inp: array<f32>;
@group(0) @binding(6) var<storage, read_write> dinp: array<f32>;

fn input_problem(row_tile: u32, part: u32) -> Problem {
  return Problem(params.B, params.C, params.OC, params.OC, 1u, params.C, 1u, row_tile, part);
}

fn store_dinp(at: u32, sums: vec4f, inside: vec4<bool>) {
  if (inside.x) { dinp[at] = through_relu(at, sums.x); }
  if (inside.y) { dinp[at + 1u] = through_relu(at + 1u, sums.y); }
  if (inside.z) { dinp[at + 2u] = through_relu(at + 2u, sums.z); }
  if (inside.w) { dinp[at + 3u] = through_relu(at + 3u, sums.w); }
}

fn through_relu(at: u32, sum: f32) -> f32 {
  if (params.relu == 0u) {
    return sum;
  }
  return select(0.0, sum, inp[at] > 0.0);
}
