enable subgroups;

// gemm, subgroup family, 4 lanes: for SwiftShader, where a subgroup is an SSE register.
// As with 8 lanes a workgroup is one subgroup without workgroup memory, and makes 32 x 32 of the product. A lane loads two 4 x 4
// blocks of operand_a and two of operand_b. It owns the blocks' eight columns of the product, and swaps its rows of operand_a with
// each of the other three lanes: so its sums are those of all 32 rows, but in an order of its own. SwiftShader swaps with one
// instruction, and broadcasts with a dozen.
//
// Its compiler (Subzero) assigns registers well only in short basic blocks, and stores an operand again that its block still
// needs. A load ends a block. So there is one load after every column's 128 multiply-adds, of what the next four columns need:
// then those take 3.5 instructions each instead of 9. What a loop changes is blended with what it was at every turn: hence
// eight of k in each.
// Needs operands_*.wgsl, gemm.wgsl and an operation.

const SUBGROUP_SIZE = 4u;
const TILE_COLUMNS = 32u;

// The lane's rows of the tile's upper and lower half, and those that it got by swapping: four of k of each.
struct Rows {
  low: mat4x4f, low_x: mat4x4f, low_y: mat4x4f, low_diagonal: mat4x4f,
  high: mat4x4f, high_x: mat4x4f, high_y: mat4x4f, high_diagonal: mat4x4f,
}

// Sums of a column of the product in the same rows.
struct Column {
  low: vec4f, low_x: vec4f, low_y: vec4f, low_diagonal: vec4f,
  high: vec4f, high_x: vec4f, high_y: vec4f, high_diagonal: vec4f,
}

struct FourColumns { c0: Column, c1: Column, c2: Column, c3: Column }

// What a lane keeps from k to k.
struct Tile {
  left: FourColumns,
  right: FourColumns,
  low_sums: vec4f,   // of its own rows
  high_sums: vec4f,
  columns: mat4x4f,  // of operand_b, the next four that have their turn: those of `left`
}

@compute @workgroup_size(SUBGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  open_operands();
  let p = problem(workgroup_id.x);
  let row0 = p.row_tile * 32u;
  let row = row0 + 4u * lane;
  let column = workgroup_id.y * TILE_COLUMNS + 4u * lane;

  let a_low = a_blocks(p, row);
  let a_high = a_blocks(p, row + 16u);
  let b_left = b_blocks(p, column);
  let b_right = b_blocks(p, column + 16u);

  var tile = Tile();
  tile.columns = transpose(load_b_block(p, b_left, 0u));
  for (var k = 0u; k < p.K; k += 8u) {
    add_products(&tile, p, load_a_block(p, a_low, k), load_a_block(p, a_high, k), b_left, b_right, k);
    // These blocks may begin beyond K.
    let next = k + 4u;
    let low = inside_k(load_a_block(p, a_low, next), next, p.K);
    let high = inside_k(load_a_block(p, a_high, next), next, p.K);
    add_products(&tile, p, low, high, b_left, b_right, next);
  }

  store_columns(&tile.left, p, row0, column, lane);
  store_columns(&tile.right, p, row0, column + 16u, lane);
  if (workgroup_id.y == 0u) {
    store_row_sums(p, row, tile.low_sums);
    store_row_sums(p, row + 16u, tile.high_sums);
  }
  epilogue_end((workgroup_id.y * num_workgroups.x + workgroup_id.x) * SUBGROUP_SIZE + lane);
}

// tile += rows times columns, over k .. k + 3. Loads the right columns' part of that, and the left columns' next one.
fn add_products(
  tile: ptr<function, Tile>, p: Problem, low: mat4x4f, high: mat4x4f, b_left: Blocks, b_right: Blocks, k: u32,
) {
  let rows = Rows(
    low, swap_x(low), swap_y(low), swap_diagonal(low),
    high, swap_x(high), swap_y(high), swap_diagonal(high),
  );
  (*tile).low_sums += vec4f(1.0) * low;
  (*tile).high_sums += vec4f(1.0) * high;
  let right = add_to_columns(&(*tile).left, rows, (*tile).columns, p, b_right, k);
  (*tile).columns = add_to_columns(&(*tile).right, rows, right, p, b_left, k + 4u);
}

// Loads the next four columns meanwhile.
fn add_to_columns(
  owned: ptr<function, FourColumns>, rows: Rows, columns: mat4x4f, p: Problem, next: Blocks, next_k: u32,
) -> mat4x4f {
  let at = vectors(next, next_k);
  let v0 = load_b_vector(p, at.x, next_k);
  add_to_column(&(*owned).c0, rows, columns[0]);
  let v1 = load_b_vector(p, at.y, next_k);
  add_to_column(&(*owned).c1, rows, columns[1]);
  let v2 = load_b_vector(p, at.z, next_k);
  add_to_column(&(*owned).c2, rows, columns[2]);
  let v3 = load_b_vector(p, at.w, next_k);
  add_to_column(&(*owned).c3, rows, columns[3]);
  return columns_of_b(p, mat4x4f(v0, v1, v2, v3));
}

// A vector times a matrix is four dot products.
fn add_to_column(sums: ptr<function, Column>, rows: Rows, column: vec4f) {
  (*sums).low += column * rows.low;
  (*sums).low_x += column * rows.low_x;
  (*sums).low_y += column * rows.low_y;
  (*sums).low_diagonal += column * rows.low_diagonal;
  (*sums).high += column * rows.high;
  (*sums).high_x += column * rows.high_x;
  (*sums).high_y += column * rows.high_y;
  (*sums).high_diagonal += column * rows.high_diagonal;
}

fn swap_x(m: mat4x4f) -> mat4x4f {
  return mat4x4f(quadSwapX(m[0]), quadSwapX(m[1]), quadSwapX(m[2]), quadSwapX(m[3]));
}

fn swap_y(m: mat4x4f) -> mat4x4f {
  return mat4x4f(quadSwapY(m[0]), quadSwapY(m[1]), quadSwapY(m[2]), quadSwapY(m[3]));
}

fn swap_diagonal(m: mat4x4f) -> mat4x4f {
  return mat4x4f(quadSwapDiagonal(m[0]), quadSwapDiagonal(m[1]), quadSwapDiagonal(m[2]), quadSwapDiagonal(m[3]));
}

// The epilogue for four columns. A loop, so that its code is there once.
fn store_columns(owned: ptr<function, FourColumns>, p: Problem, row0: u32, column: u32, lane: u32) {
  let c0 = (*owned).c0;
  let c1 = (*owned).c1;
  let c2 = (*owned).c2;
  let c3 = (*owned).c3;
  var sums = array<mat4x4f, 8>(
    transpose(mat4x4f(c0.low, c1.low, c2.low, c3.low)),
    transpose(mat4x4f(c0.low_x, c1.low_x, c2.low_x, c3.low_x)),
    transpose(mat4x4f(c0.low_y, c1.low_y, c2.low_y, c3.low_y)),
    transpose(mat4x4f(c0.low_diagonal, c1.low_diagonal, c2.low_diagonal, c3.low_diagonal)),
    transpose(mat4x4f(c0.high, c1.high, c2.high, c3.high)),
    transpose(mat4x4f(c0.high_x, c1.high_x, c2.high_x, c3.high_x)),
    transpose(mat4x4f(c0.high_y, c1.high_y, c2.high_y, c3.high_y)),
    transpose(mat4x4f(c0.high_diagonal, c1.high_diagonal, c2.high_diagonal, c3.high_diagonal)),
  );
  for (var i = 0u; i < 32u; i++) {
    // Swapping goes from lane to lane ^ 1, ^ 2 and ^ 3.
    let row = row0 + (i ^ (4u * lane));
    if (row < p.M) {
      epilogue(p.part, row, column, sums[i >> 2u][i & 3u]);
    }
  }
}
