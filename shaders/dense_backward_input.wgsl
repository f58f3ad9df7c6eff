// dense layer, backward: dinp = dout weight, layout NN, through the ReLU that made inp, if one did.

@group(0) @binding(5) var<storage, read> inp: array<Element>;
@group(0) @binding(6) var<storage, read_write> dinp: array<Element>;

fn input_problem(row_tile: u32, part: u32) -> Problem {
  return Problem(params.B, params.C, params.OC, params.OC, 1u, params.C, 1u, true, false, row_tile, part);
}

fn store_dinp(at: u32, sums: vec4f, inside: vec4<bool>) {
  // Read also where nothing is stored, from the last element then: reads within a condition take compilers seconds.
  let ats = min(at + vec4u(0u, 1u, 2u, 3u), vec4u(params.B * params.C - 1u)) >> vec4u(SHIFT);
  let positive = four(inp[ats.x], inp[ats.y], inp[ats.z], inp[ats.w]) > vec4f();
  let values = select(vec4f(), sums, positive | vec4<bool>(params.relu == 0u));
  if (inside.x) { dinp[at >> SHIFT] = element(values, 0u); }
  if (WIDTH == 1u) {
    if (inside.y) { dinp[at + 1u] = element(values, 1u); }
    if (inside.z) { dinp[at + 2u] = element(values, 2u); }
    if (inside.w) { dinp[at + 3u] = element(values, 3u); }
  }
}
