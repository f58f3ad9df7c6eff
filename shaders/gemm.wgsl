// gemm: epilogue(op(operand_a) op(operand_b)), a product (M, N). What the cores (gemm_tile.wgsl, gemm_subgroup_*.wgsl) and the
// operations (dense_forward.wgsl, dense_backward*.wgsl) agree on. B, C and OC are the sizes of a layer and nothing else; the two
// operands are a and b. The layouts that training needs differ only in strides:
//   NT  a (M, K), b (N, K)   forward:         out = inp weight^T
//   NN  a (M, K), b (K, N)   input gradient:  dinp = dout weight
//   TN  a (K, M), b (K, N)   weight gradient: dweight = dout^T inp
// A core gives the entry point. operands_*.wgsl give operand_a and operand_b, the type in which they are read, Element (f32 or
// vec4f), and what to read them by, Index; a core calls
//   open_operands()                         first
//   read_a(index), read_b(index)
//   a_blocks(p, row), b_blocks(p, column)   -> Blocks, where a thread's 4 x 4 blocks lie
//   load_a_block(p, a, k), load_b_block(p, b, k), or the latter piece by piece:
//   vectors(b, k), load_b_vector(p, index, k), columns_of_b(p, vectors)
// An operation gives
//   problem(row_tile) -> Problem            which product a row of tiles belongs to
//   load_b(part, index) -> Element          read_b(index), unless a dispatch makes two products
//   epilogue(part, row, column, sums)       for each of a thread's rows: sums of columns column .. column + 3
//   epilogue_row(part, row, sum)            the sum over k of operand_a's row, from the threads of the first column of tiles
//   epilogue_end(thread)                    once, last; thread is its index in the whole dispatch
// A dispatch has its row tiles along x, its column tiles along y: neighbouring workgroups read the same columns of operand_b.

struct Problem {
  M: u32,
  N: u32,
  K: u32,
  a_row: u32,  // strides, in elements
  a_k: u32,
  b_k: u32,
  b_column: u32,
  // Whether k is the contiguous dimension. A literal wherever it can be: else the loop gets a branch with loads on both sides.
  a_along_k: bool,
  b_along_k: bool,
  row_tile: u32,  // within this product
  part: u32,      // which product, where a dispatch makes two
}

// Whether K is a multiple of what a turn of the core's loop takes of it, so that no block has anything beyond K.
override WHOLE_TURNS: bool = false;

// A block of operand_a with zeros for what lies beyond K. Its values there are repetitions of its own, so no NaN comes in.
fn inside_k(values: mat4x4f, k: u32, K: u32) -> mat4x4f {
  if (WHOLE_TURNS) {
    return values;
  }
  let inside = select(vec4f(), vec4f(1.0), k + vec4u(0u, 1u, 2u, 3u) < vec4u(K));
  return mat4x4f(values[0] * inside, values[1] * inside, values[2] * inside, values[3] * inside);
}

// operand_b's rows k .. k + 3, four columns of each; k a multiple of four. Columns beyond N hold something.
fn load_b_block(p: Problem, b: Blocks, k: u32) -> mat4x4f {
  let at = vectors(b, k);
  let values = mat4x4f(
    load_b_vector(p, at.x, k),
    load_b_vector(p, at.y, k),
    load_b_vector(p, at.z, k),
    load_b_vector(p, at.w, k),
  );
  return transpose(columns_of_b(p, values));
}

// Ends the rows row .. row + 3 of operand_a, as far as there are so many.
fn store_row_sums(p: Problem, row: u32, sums: vec4f) {
  if (row < p.M) { epilogue_row(p.part, row, sums.x); }
  if (row + 1u < p.M) { epilogue_row(p.part, row + 1u, sums.y); }
  if (row + 2u < p.M) { epilogue_row(p.part, row + 2u, sums.z); }
  if (row + 3u < p.M) { epilogue_row(p.part, row + 3u, sums.w); }
}
