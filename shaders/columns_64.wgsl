// gemm, subgroup family, 8 lanes: a tile has 64 columns, a lane two times four of them, 32 apart. Against columns_32.wgsl it halves
// what is loaded of operand_a and shuffled; but its code takes LLVM twice as long, which only large products are worth.

const TILE_COLUMNS = 64u;
struct Row { left: vec4f, right: vec4f }
struct ColumnBlocks { left: Blocks, right: Blocks }
// Four of operand_b's rows, as far as they are the lane's columns.
struct Columns { left: mat4x4f, right: mat4x4f }

fn column_blocks(p: Problem, column: u32) -> ColumnBlocks {
  return ColumnBlocks(b_blocks(p, column), b_blocks(p, column + 32u));
}

fn load_columns(p: Problem, b: ColumnBlocks, k: u32) -> Columns {
  return Columns(load_b_block(p, b.left, k), load_b_block(p, b.right, k));
}

fn add_products(sums: Row, columns: Columns, row: vec4f) -> Row {
  return Row(sums.left + weighted_sum(columns.left, row), sums.right + weighted_sum(columns.right, row));
}

fn weighted_sum(rows: mat4x4f, weights: vec4f) -> vec4f {
  return weights.x * rows[0] + weights.y * rows[1] + weights.z * rows[2] + weights.w * rows[3];
}

fn store_row(p: Problem, row: u32, column: u32, sums: Row) {
  epilogue(p.part, row, column, sums.left);
  epilogue(p.part, row, column + 32u, sums.right);
}
