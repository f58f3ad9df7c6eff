// gemm, tile family: for GPUs. Needs gemm.wgsl and an epilogue.
// A workgroup of 8 x 8 threads makes a 32 x 32 tile of C, each thread 4 x 4 of it, from slices of A and B, 8 deep,
// in workgroup memory. Elements outside of A and B are loaded as zero, so any M, N, K >= 1 is right.

// Which way neighbouring threads walk while loading: along k where the operand is contiguous in k, else across it.
override A_ALONG_K: bool = true;
override B_ALONG_K: bool = true;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

const TILE = 32u;
const DEPTH = 8u;
const QUADS = TILE / 4u;

// [k][row / 4] and [k][column / 4]
var<workgroup> a_tile: array<vec4f, DEPTH * QUADS>;
var<workgroup> b_tile: array<vec4f, DEPTH * QUADS>;

fn load_a(row: u32, k: u32) -> f32 {
  return select(0.0, a[min(row, params.M - 1u) * params.a_row + min(k, params.K - 1u) * params.a_k], row < params.M && k < params.K);
}

fn load_b(k: u32, column: u32) -> f32 {
  return select(0.0, b[min(k, params.K - 1u) * params.b_k + min(column, params.N - 1u) * params.b_column], k < params.K && column < params.N);
}

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) local_index: u32,
) {
  let row0 = workgroup_id.y * TILE;
  let column0 = workgroup_id.x * TILE;
  let minor = local_index % 8u;
  let major = local_index / 8u;
  let a_k = select(major, minor, A_ALONG_K);
  let a_quad = select(minor, major, A_ALONG_K);
  let b_k = select(major, minor, B_ALONG_K);
  let b_quad = select(minor, major, B_ALONG_K);
  let a_row = row0 + a_quad * 4u;
  let b_column = column0 + b_quad * 4u;

  var c0 = vec4f();
  var c1 = vec4f();
  var c2 = vec4f();
  var c3 = vec4f();
  var row_sum = vec4f();
  for (var k0 = 0u; k0 < params.K; k0 += DEPTH) {
    let ka = k0 + a_k;
    let kb = k0 + b_k;
    a_tile[a_k * QUADS + a_quad] = vec4f(load_a(a_row, ka), load_a(a_row + 1u, ka), load_a(a_row + 2u, ka), load_a(a_row + 3u, ka));
    b_tile[b_k * QUADS + b_quad] =
      vec4f(load_b(kb, b_column), load_b(kb, b_column + 1u), load_b(kb, b_column + 2u), load_b(kb, b_column + 3u));
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let rows = a_tile[k * QUADS + local.y];
      let columns = b_tile[k * QUADS + local.x];
      c0 += rows.x * columns;
      c1 += rows.y * columns;
      c2 += rows.z * columns;
      c3 += rows.w * columns;
      row_sum += rows;
    }
    workgroupBarrier();
  }

  let row = row0 + local.y * 4u;
  let column = column0 + local.x * 4u;
  if (row < params.M) { epilogue(row, column, 1u, c0); }
  if (row + 1u < params.M) { epilogue(row + 1u, column, 1u, c1); }
  if (row + 2u < params.M) { epilogue(row + 2u, column, 1u, c2); }
  if (row + 3u < params.M) { epilogue(row + 3u, column, 1u, c3); }
  if (column == 0u) {
    if (row < params.M) { epilogue_row(row, row_sum.x); }
    if (row + 1u < params.M) { epilogue_row(row + 1u, row_sum.y); }
    if (row + 2u < params.M) { epilogue_row(row + 2u, row_sum.z); }
    if (row + 3u < params.M) { epilogue_row(row + 3u, row_sum.w); }
  }
  epilogue_end((workgroup_id.y * num_workgroups.x + workgroup_id.x) * 64u + local_index);
}
