// gemm, subgroup family: for software adapters, whose subgroups are small and of one size.
// There a load costs far more than a multiply-add, and a barrier more still. So a workgroup is one subgroup and there is
// no workgroup memory: a lane loads its share of a column of A's tile and hands it to all lanes by broadcast; each lane
// owns four columns of C. Rows and columns outside of the matrices load a valid neighbour instead and are not stored.
// This core is for NN and TN with N a multiple of four: a lane's four columns are neighbours, one vec4 of B.
// 32 rows by 4 S columns, two of k at a time: 256 multiply-adds for 2 + 64 / S loads.
// Needs broadcast_S.wgsl, gemm.wgsl, subgroup_tile.wgsl and an operation.

alias ElementA = f32;
alias ElementB = vec4f;

@compute @workgroup_size(SUBGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let p = problem(workgroup_id.x);
  let row0 = p.row_tile * 32u;
  let quad = workgroup_id.y * SUBGROUP_SIZE + lane;
  let quads = p.N / 4u;
  var low_index = min(row0 + lane + FRAGMENTS, vec4u(p.M - 1u)) * p.a_row;
  var high_index = min(row0 + 16u + lane + FRAGMENTS, vec4u(p.M - 1u)) * p.a_row;
  var b_index = min(quad, quads - 1u);

  var low = Tile();
  var high = Tile();
  var low_sums = vec4f();
  var high_sums = vec4f();
  for (var k = 0u; k < p.K; k += 2u) {
    // Where K is odd, the last k is read twice and counts once.
    let second = select(0u, 1u, k + 1u < p.K);
    let low_rows0 = load_rows(low_index);
    let low_rows1 = load_rows(low_index + second * p.a_k) * f32(second);
    let high_rows0 = load_rows(high_index);
    let high_rows1 = load_rows(high_index + second * p.a_k) * f32(second);
    let columns0 = load_b(p.part, b_index);
    let columns1 = load_b(p.part, b_index + second * quads);
    multiply_add_2(&low, low_rows0, columns0, low_rows1, columns1);
    multiply_add_2(&high, high_rows0, columns0, high_rows1, columns1);
    low_sums += low_rows0 + low_rows1;
    high_sums += high_rows0 + high_rows1;
    low_index += 2u * p.a_k;
    high_index += 2u * p.a_k;
    b_index += 2u * quads;
  }

  store_tile(&low, p, row0, quad * 4u, 1u);
  store_tile(&high, p, row0 + 16u, quad * 4u, 1u);
  if (workgroup_id.y == 0u) {
    store_row_sums(low_sums, p, row0, lane);
    store_row_sums(high_sums, p, row0 + 16u, lane);
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
  return inp[index / 4u][index % 4u];
}
