// gemm, subgroup family: for software adapters, whose subgroups are small and of one size.
// There a load costs far more than a multiply-add, and a barrier more still. So a workgroup is one subgroup and there is
// no workgroup memory: a lane loads its share of a column of A's tile and hands it to all lanes by broadcast; each lane
// owns four columns of C. Rows and columns outside of the matrices load a valid neighbour instead and are not stored.
// This core loads single elements: any layout, any size. 16 rows by 4 S columns: 64 multiply-adds for 4 + 16 / S loads.
// Needs broadcast_S.wgsl, gemm.wgsl, subgroup_tile.wgsl and an operation.

alias ElementA = f32;
alias ElementB = f32;

@compute @workgroup_size(SUBGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let p = problem(workgroup_id.x);
  let row0 = p.row_tile * 16u;
  let column = workgroup_id.y * 4u * SUBGROUP_SIZE + lane;
  var a_index = min(row0 + lane + FRAGMENTS, vec4u(p.M - 1u)) * p.a_row;
  var b_index = min(column + FRAGMENTS, vec4u(p.N - 1u)) * p.b_column;

  var tile = Tile();
  var row_sums = vec4f();
  for (var k = 0u; k < p.K; k++) {
    let rows = load_rows(a_index);
    let columns =
      vec4f(load_b(p.part, b_index.x), load_b(p.part, b_index.y), load_b(p.part, b_index.z), load_b(p.part, b_index.w));
    multiply_add(&tile, rows, columns);
    row_sums += rows;
    a_index += p.a_k;
    b_index += p.b_k;
  }

  store_tile(&tile, p, row0, column, SUBGROUP_SIZE);
  if (workgroup_id.y == 0u) {
    store_row_sums(row_sums, p, row0, lane);
  }
  epilogue_end((workgroup_id.y * num_workgroups.x + workgroup_id.x) * SUBGROUP_SIZE + lane);
}

// The lane's fragments of 16 rows: 16 / S loads.
fn load_rows(index: vec4u) -> vec4f {
  var rows = vec4f(load_a(index.x), 0.0, 0.0, 0.0);
  if (SUBGROUP_SIZE < 16u) { rows.y = load_a(index.y); }
  if (SUBGROUP_SIZE < 8u) { rows.z = load_a(index.z); rows.w = load_a(index.w); }
  return rows;
}

fn inp_value(index: u32) -> f32 {
  return inp[index];
}
