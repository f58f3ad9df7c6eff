// dense layer, backward, the input's gradient alone. Operand b is weight.
// Needs gemm.wgsl, a core, dense_backward_common.wgsl and dense_backward_input.wgsl.

fn problem(row_tile: u32) -> Problem {
  return input_problem(row_tile, 0u);
}

fn load_b(part: u32, index: Index) -> Element {
  return read_b(index);
}

fn epilogue(part: u32, row: u32, column: u32, sums: vec4f) {
  let inside = column + vec4u(0u, 1u, 2u, 3u) < vec4u(params.C);
  store_dinp(row * params.C + column, sums, inside);
}

fn epilogue_row(part: u32, row: u32, sum: f32) {}
