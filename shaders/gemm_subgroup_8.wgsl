enable subgroups;

// gemm, subgroup family, 8 lanes: for lavapipe, where a subgroup is an AVX register.
// There a load costs tens of instructions and a barrier more still, so a workgroup is one subgroup and there is no workgroup
// memory. A subgroup makes 32 rows and TILE_COLUMNS columns of the product: a lane loads 4 x 4 blocks of both operands, hands
// its rows of operand_a to the other lanes, and owns some columns. Four of k go into one sum, because its accumulators, which
// are more than a CPU has registers, are fetched and put back every time. Larger tiles load less and take longer to compile.
// Needs columns_32.wgsl or columns_64.wgsl, operands_*.wgsl, gemm.wgsl and an operation.

const SUBGROUP_SIZE = 8u;

// Sums of 16 rows by the lane's columns. Named, because an array indexed in the loop would not stay in registers.
struct Tile {
  c0: Row, c1: Row, c2: Row, c3: Row, c4: Row, c5: Row, c6: Row, c7: Row,
  c8: Row, c9: Row, c10: Row, c11: Row, c12: Row, c13: Row, c14: Row, c15: Row,
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
  // A dispatch is one workgroup deep, so this adds nothing; but the compiler does not know, and lanes stay variables.
  let low_lanes = vec4u(0u, 1u, 2u, 3u) + workgroup_id.z;
  let high_lanes = vec4u(4u, 5u, 6u, 7u) + workgroup_id.z;

  let a = a_blocks(p, row);
  let b = column_blocks(p, column);

  var low = Tile();
  var high = Tile();
  var row_sums = vec4f();
  for (var k = 0u; k < p.K; k += 4u) {
    let rows = load_a_block(p, a, k);
    let columns = load_columns(p, b, k);
    multiply_add(&low, rows, columns, low_lanes);
    multiply_add(&high, rows, columns, high_lanes);
    row_sums += vec4f(1.0) * rows;
  }

  store_tile(&low, p, row0, column);
  store_tile(&high, p, row0 + 16u, column);
  if (workgroup_id.y == 0u) {
    store_row_sums(p, row, row_sums);
  }
  epilogue_end((workgroup_id.y * num_workgroups.x + workgroup_id.x) * SUBGROUP_SIZE + lane);
}

// tile += rows times columns, over four of k; its 16 rows are those of the four lanes. A shuffle is one instruction as long as
// its lane is not a constant: then, and for a broadcast, the compiler (LLVM 15) takes three.
fn multiply_add(tile: ptr<function, Tile>, rows: mat4x4f, columns: Columns, lanes: vec4u) {
  (*tile).c0 = add_products((*tile).c0, columns, subgroupShuffle(rows[0], lanes[0]));
  (*tile).c1 = add_products((*tile).c1, columns, subgroupShuffle(rows[1], lanes[0]));
  (*tile).c2 = add_products((*tile).c2, columns, subgroupShuffle(rows[2], lanes[0]));
  (*tile).c3 = add_products((*tile).c3, columns, subgroupShuffle(rows[3], lanes[0]));
  (*tile).c4 = add_products((*tile).c4, columns, subgroupShuffle(rows[0], lanes[1]));
  (*tile).c5 = add_products((*tile).c5, columns, subgroupShuffle(rows[1], lanes[1]));
  (*tile).c6 = add_products((*tile).c6, columns, subgroupShuffle(rows[2], lanes[1]));
  (*tile).c7 = add_products((*tile).c7, columns, subgroupShuffle(rows[3], lanes[1]));
  (*tile).c8 = add_products((*tile).c8, columns, subgroupShuffle(rows[0], lanes[2]));
  (*tile).c9 = add_products((*tile).c9, columns, subgroupShuffle(rows[1], lanes[2]));
  (*tile).c10 = add_products((*tile).c10, columns, subgroupShuffle(rows[2], lanes[2]));
  (*tile).c11 = add_products((*tile).c11, columns, subgroupShuffle(rows[3], lanes[2]));
  (*tile).c12 = add_products((*tile).c12, columns, subgroupShuffle(rows[0], lanes[3]));
  (*tile).c13 = add_products((*tile).c13, columns, subgroupShuffle(rows[1], lanes[3]));
  (*tile).c14 = add_products((*tile).c14, columns, subgroupShuffle(rows[2], lanes[3]));
  (*tile).c15 = add_products((*tile).c15, columns, subgroupShuffle(rows[3], lanes[3]));
}

// The epilogue for 16 rows. A loop, so that its code is there once: compilers would spend seconds else. It ends with the rows
// rather than having a condition for each: loads within a condition take LLVM seconds, too.
fn store_tile(tile: ptr<function, Tile>, p: Problem, row0: u32, column: u32) {
  var sums = array<Row, 16>(
    (*tile).c0, (*tile).c1, (*tile).c2, (*tile).c3, (*tile).c4, (*tile).c5, (*tile).c6, (*tile).c7,
    (*tile).c8, (*tile).c9, (*tile).c10, (*tile).c11, (*tile).c12, (*tile).c13, (*tile).c14, (*tile).c15,
  );
  let count = min(16u, max(p.M, row0) - row0);
  for (var i = 0u; i < count; i++) {
    store_row(p, row0 + i, column, sums[i]);
  }
}
