// conv, weight: dweight^T (OC, KH KW C) = S^T patches of L, layout TN, and the sums of S over all positions, operand a's row sums.
// k goes over the positions of S. The batch is cut into parts of `images`, whose row tiles come one after the other; each writes
//   weight_sums (parts, OC, KH KW C), row_sums (parts, OC)
// which conv_weight_sum.wgsl adds up. Operand a is S, operand b is L, both read four neighbouring channels at a time.
// Needs operands_buffer.wgsl, operands_texture.wgsl or operands_sampled.wgsl.

alias Element = vec4f;

@group(0) @binding(3) var<storage, read_write> weight_sums: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> row_sums: array<f32>;

fn problem(row_tile: u32) -> Problem {
  let tiles = (params.OC + params.tile_rows - 1u) / params.tile_rows;
  let part = row_tile / tiles;
  let images = min(params.images, params.B - part * params.images);
  let N = params.KH * params.KW * params.C;
  let K = images * params.HO * params.WO;
  return Problem(params.OC, N, K, 1u, params.OC, 0u, 1u, false, false, row_tile - part * tiles, part);
}

// Four rows of operand a: the vec4 of position 0, how many there are to a position, and the last position.
struct RowBlocks { first: u32, step: u32, last: u32 }

fn a_blocks(p: Problem, row: u32) -> RowBlocks {
  let step = params.OC >> 2u;
  let first = p.part * params.images * params.HO * params.WO * step + (min(row, p.M - 1u) >> 2u);
  return RowBlocks(first, step, p.K - 1u);
}

fn load_a_block(p: Problem, a: RowBlocks, k: u32) -> mat4x4f {
  let at = to_indices(a.first + min(k + NUMBERS, vec4u(a.last)) * a.step);
  let values = mat4x4f(read_a(at.x), read_a(at.y), read_a(at.z), read_a(at.w));
  return inside_k(transpose(values), k, p.K);
}

// Four columns of operand b: one tap, against a position's first pixel, and four channels.
struct Blocks { y: i32, x: i32, channel: u32, image: u32, K: u32 }

fn b_blocks(p: Problem, column: u32) -> Blocks {
  let n = min(column, p.N - 4u);
  let tap = quotient(n, params.C);
  let row = quotient(tap, params.KW);
  let padding = i32(params.padding);
  let y = i32(row) - padding;
  let x = i32(tap - row * params.KW) - padding;
  return Blocks(y, x, n - tap * params.C, p.part * params.images, p.K);
}

// Stands for what is outside of L; as an Index it is not less than LIMIT.
const OUTSIDE = 0x7fffffffu;
const LIMIT = 0x7fffff00u;

// Of the positions k .. k + 3.
fn vectors(b: Blocks, k: u32) -> Indices {
  let positions = min(k + NUMBERS, vec4u(b.K - 1u));
  let lines = quotients(positions, params.WO);
  let images = quotients(lines, params.HO);
  let y = vec4i((lines - images * params.HO) * params.stride) + b.y;
  let x = vec4i((positions - lines * params.WO) * params.stride) + b.x;
  let inside = (bitcast<vec4u>(y) < vec4u(params.H)) & (bitcast<vec4u>(x) < vec4u(params.W));
  let index = ((images + b.image) * params.H + bitcast<vec4u>(y)) * params.W + bitcast<vec4u>(x);
  return to_indices(select(vec4u(OUTSIDE), (index * params.C + b.channel) >> vec4u(2u), inside));
}

fn load_b_vector(p: Problem, at: Index, k: u32) -> vec4f {
  return select(vec4f(), read_b(at), at < Index(LIMIT));
}

fn columns_of_b(p: Problem, values: mat4x4f) -> mat4x4f {
  return transpose(values);
}

fn epilogue(part: u32, row: u32, column: u32, sums: vec4f) {
  let N = params.KH * params.KW * params.C;
  if (column < N) { weight_sums[((part * params.OC + row) * N + column) >> 2u] = sums; }
}

fn epilogue_row(part: u32, row: u32, sum: f32) {
  row_sums[part * params.OC + row] = sum;
}

fn epilogue_end(thread: u32) {}
