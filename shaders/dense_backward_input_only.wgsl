// dense layer, backward, the input's gradient alone.
// Needs gemm.wgsl, a core, dense_backward_common.wgsl and dense_backward_input.wgsl.

fn problem(row_tile: u32) -> Problem {
  return input_problem(row_tile, 0u);
}

fn load_b(part: u32, index: u32) -> ElementB {
  return weight[index];
}

fn epilogue(part: u32, row: u32, column: u32, stride: u32, sum: vec4f) {
  let inside = vec4u(column, column + stride, column + 2u * stride, column + 3u * stride) < vec4u(params.C);
  store_dinp(row * params.C + column, stride, sum, inside);
}

fn epilogue_row(part: u32, row: u32, sum: f32) {}
