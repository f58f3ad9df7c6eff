enable subgroups;

// gemm, subgroup family: what depends on the subgroup's size, for 4 lanes.
// A lane has two quads of columns, 16 apart. A tile's 16 rows are all four lanes' rows.

const SUBGROUP_SIZE = 4u;
alias Row = mat2x4f;
struct ColumnBlocks { left: Blocks, right: Blocks }

fn column_blocks(p: Problem, column: u32) -> ColumnBlocks {
  return ColumnBlocks(b_blocks(p, column), b_blocks(p, column + 16u));
}

fn load_columns(p: Problem, b: ColumnBlocks, k: u32) -> Columns {
  let left = load_b_block(p, b.left, k);
  let right = load_b_block(p, b.right, k);
  return Columns(Row(left[0], right[0]), Row(left[1], right[1]), Row(left[2], right[2]), Row(left[3], right[3]));
}

fn store_row(p: Problem, row: u32, column: u32, sums: Row) {
  epilogue(p.part, row, column, sums[0]);
  epilogue(p.part, row, column + 16u, sums[1]);
}

// tile += rows times columns, over four of k. The lane of a broadcast must be a constant, hence one line a row.
fn multiply_add(tile: ptr<function, Tile>, rows: mat4x4f, columns: Columns, lanes: vec4u) {
  (*tile).c0 += weighted_sum(columns, subgroupBroadcast(rows[0], 0u));
  (*tile).c1 += weighted_sum(columns, subgroupBroadcast(rows[1], 0u));
  (*tile).c2 += weighted_sum(columns, subgroupBroadcast(rows[2], 0u));
  (*tile).c3 += weighted_sum(columns, subgroupBroadcast(rows[3], 0u));
  (*tile).c4 += weighted_sum(columns, subgroupBroadcast(rows[0], 1u));
  (*tile).c5 += weighted_sum(columns, subgroupBroadcast(rows[1], 1u));
  (*tile).c6 += weighted_sum(columns, subgroupBroadcast(rows[2], 1u));
  (*tile).c7 += weighted_sum(columns, subgroupBroadcast(rows[3], 1u));
  (*tile).c8 += weighted_sum(columns, subgroupBroadcast(rows[0], 2u));
  (*tile).c9 += weighted_sum(columns, subgroupBroadcast(rows[1], 2u));
  (*tile).c10 += weighted_sum(columns, subgroupBroadcast(rows[2], 2u));
  (*tile).c11 += weighted_sum(columns, subgroupBroadcast(rows[3], 2u));
  (*tile).c12 += weighted_sum(columns, subgroupBroadcast(rows[0], 3u));
  (*tile).c13 += weighted_sum(columns, subgroupBroadcast(rows[1], 3u));
  (*tile).c14 += weighted_sum(columns, subgroupBroadcast(rows[2], 3u));
  (*tile).c15 += weighted_sum(columns, subgroupBroadcast(rows[3], 3u));
}
