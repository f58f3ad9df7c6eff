// conv, gather and spread: what the product's rows and k are. A row is a position of a grid, its elements are a patch of the
// source, operand a: k counts the patch's numbers, (tap row, tap column, channel). Operand b is weight.
// conv_gather.wgsl or conv_spread.wgsl gives source() and patches(part), conv_vec4.wgsl reads. `current` is set by row_problem().

struct Source { rows: u32, columns: u32, channels: u32 }

// The patches of a product, by tap (i, j): source row `step y + top + i`, weight `first + i along_row + j along_column`.
struct Patches {
  rows: u32,     // the grid
  columns: u32,
  step: u32,
  top: i32,
  left: i32,
  tap_rows: u32,
  tap_columns: u32,
  first: i32,
  along_row: i32,
  along_column: i32,
}

// Those of this tile, kept because a phase costs divisions.
var<private> current: Patches;

struct Tap { row: u32, column: u32, channel: u32 }

fn tap_at(k: u32, channels: u32, columns: u32) -> Tap {
  let tap = quotient(k, channels);
  let row = quotient(tap, columns);
  return Tap(row, tap - row * columns, k - tap * channels);
}

// Four rows of operand a: where their patches begin, which may be outside of the source.
struct RowBlocks { y: vec4i, x: vec4i, first: vec4i, tap_columns: u32 }

fn a_blocks(p: Problem, row: u32) -> RowBlocks {
  let g = current;
  let s = source();
  let positions = min(row + NUMBERS, vec4u(p.M - 1u));
  let lines = quotients(positions, g.columns);
  let images = quotients(lines, g.rows);
  let y = vec4i((lines - images * g.rows) * g.step) + g.top;
  let x = vec4i((positions - lines * g.columns) * g.step) + g.left;
  let first = ((vec4i(images) * i32(s.rows) + y) * i32(s.columns) + x) * i32(s.channels);
  return RowBlocks(y, x, first, g.tap_columns);
}

// Not &&: that is a branch.
fn is_inside(y: i32, x: i32, s: Source) -> bool {
  return (bitcast<u32>(y) < s.rows) & (bitcast<u32>(x) < s.columns);
}

fn row_problem(M: u32, N: u32, row_tile: u32, part: u32, b_along_k: bool) -> Problem {
  let g = patches(part);
  current = g;
  // Of g, which is uniform to the compiler: a core's barriers need that.
  let K = g.tap_rows * g.tap_columns * source().channels;
  // Strides say only which neighbours threads of gemm_tile.wgsl read together.
  return Problem(M, N, K, 0u, 1u, select(0u, 1u, b_along_k), 0u, true, b_along_k, row_tile, part);
}

fn load_b(part: u32, index: Index) -> Element {
  return read_b(index);
}

fn epilogue_row(part: u32, row: u32, sum: f32) {}

fn epilogue_end(thread: u32) {}
