// gemm, subgroup family: for software adapters, whose subgroups are small and of one size.
// There a load costs far more than a multiply-add, and a barrier more still. So a workgroup is one subgroup and there is
// no workgroup memory: a lane loads its share of a column of A's tile and hands it to all lanes by broadcast; each lane
// owns four columns of C. Rows and columns outside of the matrices load a valid neighbour instead and are not stored.
// Consecutive workgroups take consecutive rows, so that they find B's columns in the cache.
// This core loads single elements: any layout, any size. 16 rows by 4 S columns: 64 multiply-adds for 4 + 16 / S loads.
// Needs broadcast_S.wgsl, gemm.wgsl, subgroup_tile.wgsl and an epilogue.

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

@compute @workgroup_size(SUBGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row0 = workgroup_id.x * 16u;
  let column = workgroup_id.y * 4u * SUBGROUP_SIZE + lane;
  var a_index = min(row0 + lane + FRAGMENTS, vec4u(params.M - 1u)) * params.a_row;
  var b_index = min(column + FRAGMENTS, vec4u(params.N - 1u)) * params.b_column;

  var tile = Tile();
  var row_sums = vec4f();
  for (var k = 0u; k < params.K; k++) {
    let rows = load_rows(a_index);
    multiply_add(&tile, rows, vec4f(b[b_index.x], b[b_index.y], b[b_index.z], b[b_index.w]));
    row_sums += rows;
    a_index += params.a_k;
    b_index += params.b_k;
  }

  store_tile(&tile, row0, column, SUBGROUP_SIZE);
  if (workgroup_id.y == 0u) {
    store_row_sums(row_sums, row0, lane);
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
