// gemm, subgroup family: for software adapters, whose subgroups are small and of one size. Needs gemm.wgsl,
// the broadcast file for the adapter's subgroup size S, and an epilogue.
// There a load costs far more than a multiply-add, and a barrier more still. So a workgroup is one subgroup and there is
// no workgroup memory: each lane loads its share of 16 elements of A's column k and hands them to all lanes by
// broadcast; each lane owns four columns of C, S apart, of 16 rows: 64 multiply-adds for 4 + 16 / S loads.
// Rows and columns outside of the matrices load a valid neighbour instead and are not stored.

struct Tile {
  c0: vec4f, c1: vec4f, c2: vec4f, c3: vec4f, c4: vec4f, c5: vec4f, c6: vec4f, c7: vec4f,
  c8: vec4f, c9: vec4f, c10: vec4f, c11: vec4f, c12: vec4f, c13: vec4f, c14: vec4f, c15: vec4f,
}

@compute @workgroup_size(SUBGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row0 = workgroup_id.y * 16u;
  let column0 = workgroup_id.x * 4u * SUBGROUP_SIZE + lane;
  // Lane's rows are row0 + lane + {0, S, 2 S, 3 S}, as far as they are below 16; its columns column0 + {0, S, 2 S, 3 S}.
  const quarters = vec4u(0u, SUBGROUP_SIZE, 2u * SUBGROUP_SIZE, 3u * SUBGROUP_SIZE);
  var a_index = min(row0 + lane + quarters, vec4u(params.M - 1u)) * params.a_row;
  var b_index = min(column0 + quarters, vec4u(params.N - 1u)) * params.b_column;

  var tile = Tile();
  var row_sum = vec4f();
  for (var k = 0u; k < params.K; k++) {
    let rows = load_rows(a_index);
    let columns = vec4f(b[b_index.x], b[b_index.y], b[b_index.z], b[b_index.w]);
    multiply_add(&tile, rows, columns);
    row_sum += rows;
    a_index += params.a_k;
    b_index += params.b_k;
  }

  store(row0, column0, tile.c0);
  store(row0 + 1u, column0, tile.c1);
  store(row0 + 2u, column0, tile.c2);
  store(row0 + 3u, column0, tile.c3);
  store(row0 + 4u, column0, tile.c4);
  store(row0 + 5u, column0, tile.c5);
  store(row0 + 6u, column0, tile.c6);
  store(row0 + 7u, column0, tile.c7);
  store(row0 + 8u, column0, tile.c8);
  store(row0 + 9u, column0, tile.c9);
  store(row0 + 10u, column0, tile.c10);
  store(row0 + 11u, column0, tile.c11);
  store(row0 + 12u, column0, tile.c12);
  store(row0 + 13u, column0, tile.c13);
  store(row0 + 14u, column0, tile.c14);
  store(row0 + 15u, column0, tile.c15);
  if (workgroup_id.x == 0u) {
    store_row_sum(row0, lane, row_sum.x);
    store_row_sum(row0, lane + SUBGROUP_SIZE, row_sum.y);
    store_row_sum(row0, lane + 2u * SUBGROUP_SIZE, row_sum.z);
    store_row_sum(row0, lane + 3u * SUBGROUP_SIZE, row_sum.w);
  }
  epilogue_end((workgroup_id.y * num_workgroups.x + workgroup_id.x) * SUBGROUP_SIZE + lane);
}

fn store(row: u32, column: u32, sum: vec4f) {
  if (row < params.M) {
    epilogue(row, column, SUBGROUP_SIZE, sum);
  }
}

fn store_row_sum(row0: u32, offset: u32, sum: f32) {
  if (offset < 16u && row0 + offset < params.M) {
    epilogue_row(row0 + offset, sum);
  }
}
