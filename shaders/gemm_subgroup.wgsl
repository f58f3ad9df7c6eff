// gemm, subgroup family: for software adapters, whose subgroups are small and of one size.
// There a load costs tens of instructions and a barrier more still, so a workgroup is one subgroup and there is no workgroup
// memory. A subgroup makes 32 rows and TILE_COLUMNS columns of C: a lane loads 4 x 4 blocks of A and of B, hands its rows of A
// to the other lanes, and owns some columns of C. Four of k go into one sum, because its accumulators, which are more than a CPU
// has registers, are fetched and put back every time. Larger tiles load less and take longer to compile.
// Needs subgroup_S.wgsl, operands_*.wgsl, gemm.wgsl and an operation.

// Sums of 16 rows by the lane's columns. Named, because an array indexed in the loop would not stay in registers.
struct Tile {
  c0: Row, c1: Row, c2: Row, c3: Row, c4: Row, c5: Row, c6: Row, c7: Row,
  c8: Row, c9: Row, c10: Row, c11: Row, c12: Row, c13: Row, c14: Row, c15: Row,
}

@compute @workgroup_size(SUBGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let p = problem(workgroup_id.x);
  let row0 = p.row_tile * 32u;
  let row = row0 + 4u * lane;
  let column = workgroup_id.y * TILE_COLUMNS + 4u * lane;
  // A dispatch is one workgroup deep, so this adds nothing; but the compiler does not know, and lanes stay variables.
  let low_lanes = vec4u(0u, 1u, 2u, 3u) + workgroup_id.z;
  let high_lanes = vec4u(4u, 5u, 6u, 7u) + workgroup_id.z;

  let a_low = a_blocks(p, row);
  let a_high = a_blocks(p, row + 16u);
  let b = column_blocks(p, column);

  var low = Tile();
  var high = Tile();
  var low_sums = vec4f();
  var high_sums = vec4f();
  for (var k = 0u; k < p.K; k += 4u) {
    let low_rows = load_a_block(p, a_low, k);
    var high_rows = low_rows;
    if (SUBGROUP_SIZE == 4u) {
      high_rows = load_a_block(p, a_high, k);
    }
    let columns = load_columns(p, b, k);
    multiply_add(&low, low_rows, columns, low_lanes);
    multiply_add(&high, high_rows, columns, high_lanes);
    low_sums += vec4f(1.0) * low_rows;
    high_sums += vec4f(1.0) * high_rows;
  }

  store_tile(&low, p, row0, column, lane);
  store_tile(&high, p, row0 + 16u, column, lane);
  if (workgroup_id.y == 0u) {
    store_row_sums(low_sums, p, row);
    if (SUBGROUP_SIZE == 4u) {
      store_row_sums(high_sums, p, row + 16u);
    }
  }
  epilogue_end((workgroup_id.y * num_workgroups.x + workgroup_id.x) * SUBGROUP_SIZE + lane);
}

// The epilogue for 16 rows. A loop, so that its code is there once: compilers would spend seconds else.
fn store_tile(tile: ptr<function, Tile>, p: Problem, row0: u32, column: u32, lane: u32) {
  var sums = array<Row, 16>(
    (*tile).c0, (*tile).c1, (*tile).c2, (*tile).c3, (*tile).c4, (*tile).c5, (*tile).c6, (*tile).c7,
    (*tile).c8, (*tile).c9, (*tile).c10, (*tile).c11, (*tile).c12, (*tile).c13, (*tile).c14, (*tile).c15,
  );
  let count = sums_to_store(p, row0);
  for (var i = 0u; i < count; i++) {
    store_row(p, row0 + row_of_sum(i, lane), column, sums[i]);
  }
}

fn store_row_sums(sums: vec4f, p: Problem, row: u32) {
  if (row < p.M) { epilogue_row(p.part, row, sums.x); }
  if (row + 1u < p.M) { epilogue_row(p.part, row + 1u, sums.y); }
  if (row + 2u < p.M) { epilogue_row(p.part, row + 2u, sums.z); }
  if (row + 3u < p.M) { epilogue_row(p.part, row + 3u, sums.w); }
}
