// gemm, subgroup family: for software adapters, whose subgroups are small and of one size.
// There a load costs far more than a multiply-add, and a barrier more still. So a workgroup is one subgroup and there is
// no workgroup memory: a lane loads its share of a column of A's tile and hands it to all lanes by broadcast; each lane
// owns four columns of C. Rows and columns outside of the matrices load a valid neighbour instead and are not stored.
// Consecutive workgroups take consecutive rows, so that they find B's columns in the cache.
// This core is for NN and TN with N a multiple of four: a lane's four columns are neighbours, one vec4 of B.
// 32 rows by 4 S columns: 128 multiply-adds for 1 + 32 / S loads.
// Needs broadcast_S.wgsl, gemm.wgsl, subgroup_tile.wgsl and an epilogue.

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;

@compute @workgroup_size(SUBGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row0 = workgroup_id.x * 32u;
  let quad = workgroup_id.y * SUBGROUP_SIZE + lane;
  let quads = params.N / 4u;
  var low_index = min(row0 + lane + FRAGMENTS, vec4u(params.M - 1u)) * params.a_row;
  var high_index = min(row0 + 16u + lane + FRAGMENTS, vec4u(params.M - 1u)) * params.a_row;
  var b_index = min(quad, quads - 1u);

  var low = Tile();
  var high = Tile();
  var low_sums = vec4f();
  var high_sums = vec4f();
  for (var k = 0u; k < params.K; k++) {
    let low_rows = load_rows(low_index);
    let high_rows = load_rows(high_index);
    let columns = b[b_index];
    multiply_add(&low, low_rows, columns);
    multiply_add(&high, high_rows, columns);
    low_sums += low_rows;
    high_sums += high_rows;
    low_index += params.a_k;
    high_index += params.a_k;
    b_index += quads;
  }

  store_tile(&low, row0, quad * 4u, 1u);
  store_tile(&high, row0 + 16u, quad * 4u, 1u);
  if (workgroup_id.y == 0u) {
    store_row_sums(low_sums, row0, lane);
    store_row_sums(high_sums, row0 + 16u, lane);
  }
  epilogue_end((workgroup_id.y * num_workgroups.x + workgroup_id.x) * SUBGROUP_SIZE + lane);
}

// The lane's fragments of 16 rows: 16 / S loads.
fn load_rows(index: vec4u) -> vec4f {
  var rows = vec4f(a[index.x], 0.0, 0.0, 0.0);
  if (SUBGROUP_SIZE < 16u) { rows.y = a[index.y]; }
  if (SUBGROUP_SIZE < 8u) { rows.z = a[index.z]; rows.w = a[index.w]; }
  return rows;
}
