// dense layer, forward: sums = inp weight^T, layout NT. Operand a is inp (B, C), operand b is weight (OC, C).
// Needs gemm.wgsl, a core and an epilogue (dense_bias.wgsl or dense_bce.wgsl).

struct Params {
  B: u32,
  C: u32,
  OC: u32,
  activation: u32,  // dense_bias: 0 none, 1 ReLU, 2 sigmoid
  scale: f32,       // dense_bce: 1 / B
}

@group(0) @binding(2) var<uniform> params: Params;

fn problem(row_tile: u32) -> Problem {
  return Problem(params.B, params.OC, params.C, params.C, 1u, 1u, params.C, true, true, row_tile, 0u);
}

fn load_b(part: u32, index: Index) -> Element {
  return read_b(index);
}

fn epilogue_row(part: u32, row: u32, sum: f32) {}
