// gemm, subgroup family: for software adapters, whose subgroups are small and of one size.
// There a load costs far more than a multiply-add, and a barrier more still. So a workgroup is one subgroup and there is
// no workgroup memory: a lane loads its share of a column of A's tile and hands it to all lanes by broadcast; each lane
// owns four columns of C. Rows and columns outside of the matrices load a valid neighbour instead and are not stored.
// This core is for NT with K a multiple of four: both operands are read four neighbours along k at a time, so that
// columns that lie a power of two apart cost a quarter of the cache misses.
// 32 rows by 4 S columns: 512 multiply-adds for 4 + 32 / S loads of a vec4.
// Needs broadcast_S.wgsl, gemm.wgsl, subgroup_tile.wgsl and dense_forward.wgsl.

alias ElementA = vec4f;
alias ElementB = vec4f;

@compute @workgroup_size(SUBGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let p = problem(workgroup_id.x);
  let row0 = p.row_tile * 32u;
  let column = workgroup_id.y * 4u * SUBGROUP_SIZE + lane;
  let quads = p.K / 4u;
  let low_index = min(row0 + lane + FRAGMENTS, vec4u(p.M - 1u)) * quads;
  let high_index = min(row0 + 16u + lane + FRAGMENTS, vec4u(p.M - 1u)) * quads;
  let b_index = min(column + FRAGMENTS, vec4u(p.N - 1u)) * quads;

  var low = Tile();
  var high = Tile();
  for (var k = 0u; k < quads; k++) {
    // Transposed, a matrix's column i is B's row k + i.
    let columns = transpose(load_columns(p.part, b_index + k));
    multiply_add_4(&low, load_quads(low_index + k), columns);
    multiply_add_4(&high, load_quads(high_index + k), columns);
  }

  store_tile(&low, p, row0, column, SUBGROUP_SIZE);
  store_tile(&high, p, row0 + 16u, column, SUBGROUP_SIZE);
  epilogue_end((workgroup_id.y * num_workgroups.x + workgroup_id.x) * SUBGROUP_SIZE + lane);
}

// The lane's fragments of 16 rows, four along k of each: 16 / S loads.
fn load_quads(index: vec4u) -> mat4x4f {
  var quads = mat4x4f(load_a(index.x), vec4f(), vec4f(), vec4f());
  if (SUBGROUP_SIZE < 16u) { quads[1] = load_a(index.y); }
  if (SUBGROUP_SIZE < 8u) { quads[2] = load_a(index.z); quads[3] = load_a(index.w); }
  return quads;
}

fn load_columns(part: u32, index: vec4u) -> mat4x4f {
  return mat4x4f(load_b(part, index.x), load_b(part, index.y), load_b(part, index.z), load_b(part, index.w));
}
