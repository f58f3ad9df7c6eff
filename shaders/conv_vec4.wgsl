// conv, gather and spread: operands read four neighbouring channels at a time.
// Needs conv_rows.wgsl and operands_buffer.wgsl, operands_texture.wgsl or operands_sampled.wgsl.

alias Element = vec4f;

// Rows' elements k .. k + 3, which are one tap's; zero outside of the source.
fn load_a_block(p: Problem, a: RowBlocks, k: u32) -> mat4x4f {
  let s = source();
  // Blocks beyond K repeat the last one.
  let tap = tap_at(min(k, p.K - 4u), s.channels, a.tap_columns);
  let y = a.y + i32(tap.row);
  let x = a.x + i32(tap.column);
  let offset = i32((tap.row * s.columns + tap.column) * s.channels + tap.channel);
  let at = to_indices(bitcast<vec4u>(max(a.first + offset, vec4i())) >> vec4u(2u));
  return mat4x4f(
    select(vec4f(), read_a(at.x), is_inside(y.x, x.x, s)),
    select(vec4f(), read_a(at.y), is_inside(y.y, x.y, s)),
    select(vec4f(), read_a(at.z), is_inside(y.z, x.z, s)),
    select(vec4f(), read_a(at.w), is_inside(y.w, x.w, s)),
  );
}

// Four columns of operand b. Its vectors are rows of weight at `column`, or where b lies along k, `numbers` of OC at k.
struct Blocks {
  row: vec4u,
  column: u32,
  last: u32,  // k of the last block
  along_k: bool,
}

fn b_blocks(p: Problem, column: u32) -> Blocks {
  if (p.b_along_k) {
    return Blocks(min(column + NUMBERS, vec4u(p.N - 1u)), 0u, p.K - 4u, true);
  }
  return Blocks(NUMBERS, min(column, p.N - 4u), p.K - 4u, false);
}

fn vectors(b: Blocks, k: u32) -> Indices {
  let tap = tap_at(min(k, b.last), source().channels, current.tap_columns);
  let weight = u32(current.first + i32(tap.row) * current.along_row + i32(tap.column) * current.along_column);
  let row = weight * params.C + b.row + select(tap.channel, 0u, b.along_k);
  let column = b.column + select(0u, tap.channel, b.along_k);
  return to_indices((min(row, vec4u(params.weight_rows - 1u)) * params.OC + column) >> vec4u(2u));
}

fn load_b_vector(p: Problem, at: Index, k: u32) -> vec4f {
  return read_b(at);
}

fn columns_of_b(p: Problem, values: mat4x4f) -> mat4x4f {
  if (p.b_along_k) {
    return values;
  }
  return transpose(values);
}
