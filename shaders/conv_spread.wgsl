// conv, spread: L from S, one row of the product for each position of L. Where a position's row and column lie between the strides
// says which taps reach it: so positions are sorted into stride x stride phases, each a product with those taps alone, and no
// zeros are multiplied. The dispatch has the tiles of one phase after those of the other. Needs conv_rows.wgsl.

fn source() -> Source {
  return Source(params.HO, params.WO, params.OC);
}

// Of rows, or columns, in one phase.
struct Phase {
  size: u32,   // how many there are
  tap: u32,    // the first tap that reaches them
  taps: u32,
  corner: i32, // where the first one's patch begins
}

fn phase_of(phase: u32, size: u32, K: u32) -> Phase {
  let stride = params.stride;
  let whole = quotient(phase + params.padding, stride);
  let tap = phase + params.padding - whole * stride;
  let taps = quotient(K + stride - 1u - min(tap, K), stride);
  let corner = i32(whole) - i32(taps) + 1;
  return Phase(quotient(size + stride - 1u - min(phase, size), stride), tap, taps, corner);
}

fn row_phase(part: u32) -> Phase {
  return phase_of(quotient(part, params.stride), params.H, params.KH);
}

fn column_phase(part: u32) -> Phase {
  return phase_of(part - quotient(part, params.stride) * params.stride, params.W, params.KW);
}

// Taps in reverse: the last one reaches the first row of the patch.
fn patches(part: u32) -> Patches {
  let y = row_phase(part);
  let x = column_phase(part);
  let stride = i32(params.stride);
  let KW = i32(params.KW);
  let last_row = i32(y.tap) + stride * (i32(y.taps) - 1);
  let last_column = i32(x.tap) + stride * (i32(x.taps) - 1);
  return Patches(
    y.size, x.size, 1u, y.corner, x.corner,
    y.taps, x.taps, last_row * KW + last_column, -stride * KW, -stride,
  );
}

fn problem(row_tile: u32) -> Problem {
  var part = 0u;
  var M = 0u;
  var tile = row_tile;
  let parts = params.stride * params.stride;
  for (; part < parts; part++) {
    M = params.B * row_phase(part).size * column_phase(part).size;
    let tiles = quotient(M + params.tile_rows - 1u, params.tile_rows);
    if (tile < tiles) {
      break;
    }
    tile -= tiles;
  }
  return row_problem(M, params.C, tile, part, true);
}

// Numbers of a position of the result, and which position a row is.
fn channels() -> u32 { return params.C; }

fn destination(part: u32, row: u32) -> u32 {
  let line = quotient(row, current.columns);
  let image = quotient(line, current.rows);
  let phase_row = quotient(part, params.stride);
  let y = (line - image * current.rows) * params.stride + phase_row;
  let x = (row - line * current.columns) * params.stride + part - phase_row * params.stride;
  return (image * params.H + y) * params.W + x;
}
