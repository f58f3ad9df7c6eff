// gemm, subgroup family, 8 lanes: a tile has 32 columns, a lane four neighbours of them.

const TILE_COLUMNS = 32u;
alias Row = vec4f;
alias ColumnBlocks = Blocks;
// Four of operand_b's rows, as far as they are the lane's columns.
struct Columns { k0: Row, k1: Row, k2: Row, k3: Row }

fn column_blocks(p: Problem, column: u32) -> ColumnBlocks {
  return b_blocks(p, column);
}

fn load_columns(p: Problem, b: ColumnBlocks, k: u32) -> Columns {
  let values = load_b_block(p, b, k);
  return Columns(values[0], values[1], values[2], values[3]);
}

fn add_products(sums: Row, columns: Columns, row: vec4f) -> Row {
  return sums + (row.x * columns.k0 + row.y * columns.k1 + row.z * columns.k2 + row.w * columns.k3);
}

fn store_row(p: Problem, row: u32, column: u32, sums: Row) {
  epilogue(p.part, row, column, sums);
}
