// conv, gather: S from L, one row of the product for each position of S. Needs conv_rows.wgsl.

fn source() -> Source {
  return Source(params.H, params.W, params.C);
}

fn patches(part: u32) -> Patches {
  let corner = -i32(params.padding);
  return Patches(
    params.HO, params.WO, params.stride, corner, corner,
    params.KH, params.KW, 0, i32(params.KW), 1,
  );
}

fn problem(row_tile: u32) -> Problem {
  return row_problem(params.B * params.HO * params.WO, params.OC, row_tile, 0u, false);
}

// Numbers of a position of the result, and which position a row is.
fn channels() -> u32 { return params.OC; }

fn destination(part: u32, row: u32) -> u32 {
  return row;
}
