enable subgroups;

// gemm, subgroup family: what depends on the subgroup's size, for 8 lanes. A tile's 16 rows are the rows of the four lanes whose
// numbers are in `lanes`. Needs columns_32.wgsl or columns_64.wgsl, which say how wide a tile is.

const SUBGROUP_SIZE = 8u;

// As many as there are rows, rather than a condition for each: loads within a condition take LLVM seconds.
fn sums_to_store(p: Problem, row0: u32) -> u32 {
  return min(16u, max(p.M, row0) - row0);
}

fn row_of_sum(i: u32, lane: u32) -> u32 {
  return i;
}

// tile += rows times columns, over four of k. A shuffle is one instruction on an adapter whose subgroup is an AVX register,
// as long as its lane is not a constant: then, and for a broadcast, the compiler (LLVM 15) takes three.
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
