// gemm, first half of split-K: what each part of k comes to, for gemm_sum.wgsl. Layouts NT and NN.
// A skinny product has few tiles, too few for a GPU of many cores; with k cut into parts there are several times as many.
// partial_sums (parts, M, N). Needs gemm.wgsl and gemm_tile.wgsl, dispatched as many workgroups deep as there are parts.

override OPERAND_B_ALONG_K: bool = true;  // NT, else NN

struct Params { M: u32, N: u32, K: u32 }

@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read_write> partial_sums: array<Element>;

fn problem(row_tile: u32) -> Problem {
  let b_k = select(params.N, 1u, OPERAND_B_ALONG_K);
  let b_column = select(1u, params.K, OPERAND_B_ALONG_K);
  return Problem(params.M, params.N, params.K, params.K, 1u, b_k, b_column, true, OPERAND_B_ALONG_K, row_tile, 0u);
}

fn load_b(part: u32, index: Index) -> Element {
  return read_b(index);
}

fn epilogue(part: u32, row: u32, column: u32, sums: vec4f) {
  let at = row * params.N + column;
  let inside = column + vec4u(0u, 1u, 2u, 3u) < vec4u(params.N);
  if (inside.x) { partial_sums[at >> SHIFT] = element(sums, 0u); }
  if (WIDTH == 1u) {
    if (inside.y) { partial_sums[at + 1u] = element(sums, 1u); }
    if (inside.z) { partial_sums[at + 2u] = element(sums, 2u); }
    if (inside.w) { partial_sums[at + 3u] = element(sums, 3u); }
  }
}

fn epilogue_row(part: u32, row: u32, sum: f32) {}

fn epilogue_end(thread: u32) {}
