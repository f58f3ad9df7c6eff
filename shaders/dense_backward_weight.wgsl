// dense layer, backward: dweight = dout^T inp, layout TN, and dbias, the sum of dout over the batch, which is operand_a's row sum.

@group(0) @binding(3) var<storage, read_write> dweight: array<Element>;
@group(0) @binding(4) var<storage, read_write> dbias: array<f32>;

fn weight_problem(row_tile: u32, part: u32) -> Problem {
  return Problem(params.OC, params.C, params.B, 1u, params.OC, params.C, 1u, false, false, row_tile, part);
}

fn store_dweight(at: u32, sums: vec4f, inside: vec4<bool>) {
  if (inside.x) { dweight[at >> SHIFT] = element(sums, 0u); }
  if (WIDTH == 1u) {
    if (inside.y) { dweight[at + 1u] = element(sums, 1u); }
    if (inside.z) { dweight[at + 2u] = element(sums, 2u); }
    if (inside.w) { dweight[at + 3u] = element(sums, 3u); }
  }
}
