// The subgroup family's common part. Needs the broadcast file for the adapter's subgroup size S.

// Sums of 16 rows by this lane's four columns. Named, because an array indexed in the loop would not stay in registers.
struct Tile {
  c0: vec4f, c1: vec4f, c2: vec4f, c3: vec4f, c4: vec4f, c5: vec4f, c6: vec4f, c7: vec4f,
  c8: vec4f, c9: vec4f, c10: vec4f, c11: vec4f, c12: vec4f, c13: vec4f, c14: vec4f, c15: vec4f,
}

// A lane holds a fragment of every S-th of 16 rows: of rows lane, S + lane, 2 S + lane, 3 S + lane, as far as below 16.
const FRAGMENTS = vec4u(0u, SUBGROUP_SIZE, 2u * SUBGROUP_SIZE, 3u * SUBGROUP_SIZE);

// The epilogue for the 16 rows from row0 on. A loop, so that its code is there once: compilers would spend seconds else.
fn store_tile(tile: ptr<function, Tile>, p: Problem, row0: u32, column: u32, stride: u32) {
  var sums = array<vec4f, 16>(
    (*tile).c0, (*tile).c1, (*tile).c2, (*tile).c3, (*tile).c4, (*tile).c5, (*tile).c6, (*tile).c7,
    (*tile).c8, (*tile).c9, (*tile).c10, (*tile).c11, (*tile).c12, (*tile).c13, (*tile).c14, (*tile).c15,
  );
  let rows = min(16u, max(p.M, row0) - row0);
  for (var row = 0u; row < rows; row++) {
    epilogue(p.part, row0 + row, column, stride, sums[row]);
  }
}

// sums holds the lane's fragments of the row sums of 16 rows.
fn store_row_sums(sums: vec4f, p: Problem, row0: u32, lane: u32) {
  var fragments = sums;
  for (var i = 0u; i < 16u / SUBGROUP_SIZE; i++) {
    let row = row0 + i * SUBGROUP_SIZE + lane;
    if (row < p.M) {
      epilogue_row(p.part, row, fragments[i]);
    }
  }
}

fn weighted_sum(columns: mat4x4f, weights: vec4f) -> vec4f {
  return weights.x * columns[0] + weights.y * columns[1] + weights.z * columns[2] + weights.w * columns[3];
}
