enable subgroups;

// gemm, subgroup family: what depends on the subgroup's size, for 4 lanes.
// A lane has two quads of columns, 16 apart. Instead of handing its rows of A to all lanes, as 8 lanes do, it swaps them with
// each of the other three: so its sums are those of all 16 rows, but in an order of its own. SwiftShader swaps with one
// instruction, and broadcasts with a dozen. Its compiler keeps what lives long on the stack, and does one component of a vector
// after the other: hence dot(), whose products live no longer than it takes to add them.

const SUBGROUP_SIZE = 4u;
const TILE_COLUMNS = 32u;
struct Row { left: vec4f, right: vec4f }
struct ColumnBlocks { left: Blocks, right: Blocks }
// Four of k of each column.
struct Columns { left: mat4x4f, right: mat4x4f }

fn column_blocks(p: Problem, column: u32) -> ColumnBlocks {
  return ColumnBlocks(b_blocks(p, column), b_blocks(p, column + 16u));
}

fn load_columns(p: Problem, b: ColumnBlocks, k: u32) -> Columns {
  return Columns(transpose(load_b_block(p, b.left, k)), transpose(load_b_block(p, b.right, k)));
}

fn sums_to_store(p: Problem, row0: u32) -> u32 {
  return 16u;
}

// Swapping goes from lane to lane ^ 1, ^ 2 and ^ 3.
fn row_of_sum(i: u32, lane: u32) -> u32 {
  return i ^ (4u * lane);
}

fn store_row(p: Problem, row: u32, column: u32, sums: Row) {
  if (row < p.M) {
    epilogue(p.part, row, column, sums.left);
    epilogue(p.part, row, column + 16u, sums.right);
  }
}

fn add_products(sums: Row, columns: Columns, row: vec4f) -> Row {
  return Row(add_dots(sums.left, columns.left, row), add_dots(sums.right, columns.right, row));
}

fn add_dots(sums: vec4f, columns: mat4x4f, row: vec4f) -> vec4f {
  return vec4f(
    sums.x + dot(columns[0], row),
    sums.y + dot(columns[1], row),
    sums.z + dot(columns[2], row),
    sums.w + dot(columns[3], row),
  );
}

// tile += rows times columns, over four of k.
fn multiply_add(tile: ptr<function, Tile>, rows: mat4x4f, columns: Columns, lanes: vec4u) {
  (*tile).c0 = add_products((*tile).c0, columns, rows[0]);
  (*tile).c1 = add_products((*tile).c1, columns, rows[1]);
  (*tile).c2 = add_products((*tile).c2, columns, rows[2]);
  (*tile).c3 = add_products((*tile).c3, columns, rows[3]);
  (*tile).c4 = add_products((*tile).c4, columns, quadSwapX(rows[0]));
  (*tile).c5 = add_products((*tile).c5, columns, quadSwapX(rows[1]));
  (*tile).c6 = add_products((*tile).c6, columns, quadSwapX(rows[2]));
  (*tile).c7 = add_products((*tile).c7, columns, quadSwapX(rows[3]));
  (*tile).c8 = add_products((*tile).c8, columns, quadSwapY(rows[0]));
  (*tile).c9 = add_products((*tile).c9, columns, quadSwapY(rows[1]));
  (*tile).c10 = add_products((*tile).c10, columns, quadSwapY(rows[2]));
  (*tile).c11 = add_products((*tile).c11, columns, quadSwapY(rows[3]));
  (*tile).c12 = add_products((*tile).c12, columns, quadSwapDiagonal(rows[0]));
  (*tile).c13 = add_products((*tile).c13, columns, quadSwapDiagonal(rows[1]));
  (*tile).c14 = add_products((*tile).c14, columns, quadSwapDiagonal(rows[2]));
  (*tile).c15 = add_products((*tile).c15, columns, quadSwapDiagonal(rows[3]));
}
