enable subgroups;

// gemm, subgroup family: what depends on the subgroup's size, for 4 lanes.
// A lane has four quads of columns, 16 apart. Instead of handing its rows of A to all lanes, as 8 lanes do, it swaps them with
// each of the other three: so its sums are those of all 16 rows, but in an order of its own. SwiftShader swaps with one
// instruction, and broadcasts with a dozen. Its compiler keeps what lives long on the stack, and does one component of a vector
// after the other: hence dot(), whose products live no longer than it takes to add them.

const SUBGROUP_SIZE = 4u;
const TILE_COLUMNS = 64u;
struct Row { quad0: vec4f, quad1: vec4f, quad2: vec4f, quad3: vec4f }
struct ColumnBlocks { quad0: Blocks, quad1: Blocks, quad2: Blocks, quad3: Blocks }
// Four of k of each column.
struct Columns { quad0: mat4x4f, quad1: mat4x4f, quad2: mat4x4f, quad3: mat4x4f }

fn column_blocks(p: Problem, column: u32) -> ColumnBlocks {
  return ColumnBlocks(
    b_blocks(p, column),
    b_blocks(p, column + 16u),
    b_blocks(p, column + 32u),
    b_blocks(p, column + 48u),
  );
}

fn load_columns(p: Problem, b: ColumnBlocks, k: u32) -> Columns {
  return Columns(
    transpose(load_b_block(p, b.quad0, k)),
    transpose(load_b_block(p, b.quad1, k)),
    transpose(load_b_block(p, b.quad2, k)),
    transpose(load_b_block(p, b.quad3, k)),
  );
}

// Swapping goes from lane to lane ^ 1, ^ 2 and ^ 3.
fn row_of_sum(i: u32, lane: u32) -> u32 {
  return i ^ (4u * lane);
}

fn store_row(p: Problem, row: u32, column: u32, sums: Row) {
  epilogue(p.part, row, column, sums.quad0);
  epilogue(p.part, row, column + 16u, sums.quad1);
  epilogue(p.part, row, column + 32u, sums.quad2);
  epilogue(p.part, row, column + 48u, sums.quad3);
}

fn add_products(sums: Row, columns: Columns, row: vec4f) -> Row {
  return Row(
    sums.quad0 + dots(columns.quad0, row),
    sums.quad1 + dots(columns.quad1, row),
    sums.quad2 + dots(columns.quad2, row),
    sums.quad3 + dots(columns.quad3, row),
  );
}

fn dots(columns: mat4x4f, row: vec4f) -> vec4f {
  return vec4f(dot(columns[0], row), dot(columns[1], row), dot(columns[2], row), dot(columns[3], row));
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
