// dense layer, backward: dinp = dout weight, layout NN, through the ReLU that made inp, if one did.

@group(0) @binding(5) var<storage, read> inp: array<Element>;
@group(0) @binding(6) var<storage, read_write> dinp: array<Element>;

fn input_problem(row_tile: u32, part: u32) -> Problem {
  return Problem(params.B, params.C, params.OC, params.OC, 1u, params.C, 1u, row_tile, part);
}

fn store_dinp(at: u32, sums: vec4f, inside: vec4<bool>) {
  if (inside.x) { dinp[at / WIDTH] = through_relu(at, element(sums, 0u)); }
  if (WIDTH == 1u) {
    if (inside.y) { dinp[at + 1u] = through_relu(at + 1u, element(sums, 1u)); }
    if (inside.z) { dinp[at + 2u] = through_relu(at + 2u, element(sums, 2u)); }
    if (inside.w) { dinp[at + 3u] = through_relu(at + 3u, element(sums, 3u)); }
  }
}

fn through_relu(at: u32, sum: Element) -> Element {
  if (params.relu == 0u) {
    return sum;
  }
  return select(Element(), sum, inp[at / WIDTH] > Element());
}
