// dense layer, backward, both gradients in one dispatch: the first row tiles make dweight and dbias, the others dinp.
// They are independent, and both are products of dout with a matrix of C columns. Overwrites all three.
// Needs gemm.wgsl, a core, dense_backward_common.wgsl, dense_backward_weight.wgsl and dense_backward_input.wgsl.

// Operand b of dinp; that of dweight is inp.
@group(0) @binding(7) var<storage, read> weight: array<Element>;

const WEIGHT_PART = 0u;

fn problem(row_tile: u32) -> Problem {
  if (row_tile < params.weight_tiles) {
    return weight_problem(row_tile, WEIGHT_PART);
  }
  return input_problem(row_tile - params.weight_tiles, WEIGHT_PART + 1u);
}

fn load_b(part: u32, index: Index) -> Element {
  if (part == WEIGHT_PART) {
    return read_b(index);
  }
  return weight[index];
}

fn epilogue(part: u32, row: u32, column: u32, sums: vec4f) {
  let at = row * params.C + column;
  let inside = column + vec4u(0u, 1u, 2u, 3u) < vec4u(params.C);
  if (part == WEIGHT_PART) {
    store_dweight(at, sums, inside);
  } else {
    store_dinp(at, sums, inside);
  }
}

fn epilogue_row(part: u32, row: u32, sum: f32) {
  if (part == WEIGHT_PART) {
    dbias[row] = sum;
  }
}
