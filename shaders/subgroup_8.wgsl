enable subgroups;

// gemm, subgroup family: what depends on the subgroup's size, for 8 lanes.
// A lane has one quad of columns. A tile's 16 rows are the rows of the four lanes whose numbers are in `lanes`.

const SUBGROUP_SIZE = 8u;
alias Row = vec4f;
alias ColumnBlocks = Blocks;
// Four of B's rows, as far as they are the lane's columns.
struct Columns { k0: Row, k1: Row, k2: Row, k3: Row }

fn column_blocks(p: Problem, column: u32) -> ColumnBlocks {
  return b_blocks(p, column);
}

fn load_columns(p: Problem, b: ColumnBlocks, k: u32) -> Columns {
  let values = load_b_block(p, b, k);
  return Columns(values[0], values[1], values[2], values[3]);
}

// As many as there are rows, rather than a condition for each: loads within a condition take LLVM seconds.
fn sums_to_store(p: Problem, row0: u32) -> u32 {
  return min(16u, max(p.M, row0) - row0);
}

fn row_of_sum(i: u32, lane: u32) -> u32 {
  return i;
}

fn store_row(p: Problem, row: u32, column: u32, sums: Row) {
  epilogue(p.part, row, column, sums);
}

fn weighted_sum(columns: Columns, weights: vec4f) -> Row {
  return weights.x * columns.k0 + weights.y * columns.k1 + weights.z * columns.k2 + weights.w * columns.k3;
}

// tile += rows times columns, over four of k. A shuffle is one instruction on an adapter whose subgroup is an AVX register,
// as long as its lane is not a constant: then, and for a broadcast, the compiler (LLVM 15) takes three.
fn multiply_add(tile: ptr<function, Tile>, rows: mat4x4f, columns: Columns, lanes: vec4u) {
  (*tile).c0 += weighted_sum(columns, subgroupShuffle(rows[0], lanes[0]));
  (*tile).c1 += weighted_sum(columns, subgroupShuffle(rows[1], lanes[0]));
  (*tile).c2 += weighted_sum(columns, subgroupShuffle(rows[2], lanes[0]));
  (*tile).c3 += weighted_sum(columns, subgroupShuffle(rows[3], lanes[0]));
  (*tile).c4 += weighted_sum(columns, subgroupShuffle(rows[0], lanes[1]));
  (*tile).c5 += weighted_sum(columns, subgroupShuffle(rows[1], lanes[1]));
  (*tile).c6 += weighted_sum(columns, subgroupShuffle(rows[2], lanes[1]));
  (*tile).c7 += weighted_sum(columns, subgroupShuffle(rows[3], lanes[1]));
  (*tile).c8 += weighted_sum(columns, subgroupShuffle(rows[0], lanes[2]));
  (*tile).c9 += weighted_sum(columns, subgroupShuffle(rows[1], lanes[2]));
  (*tile).c10 += weighted_sum(columns, subgroupShuffle(rows[2], lanes[2]));
  (*tile).c11 += weighted_sum(columns, subgroupShuffle(rows[3], lanes[2]));
  (*tile).c12 += weighted_sum(columns, subgroupShuffle(rows[0], lanes[3]));
  (*tile).c13 += weighted_sum(columns, subgroupShuffle(rows[1], lanes[3]));
  (*tile).c14 += weighted_sum(columns, subgroupShuffle(rows[2], lanes[3]));
  (*tile).c15 += weighted_sum(columns, subgroupShuffle(rows[3], lanes[3]));
}
