// gemm, tile family: for GPUs.
// A workgroup of 8 x 8 threads makes a 32 x 32 tile of C, each thread 4 x 4 of it, from slices of A and B, 8 deep,
// in workgroup memory. Elements outside of A and B are loaded as zero, so any M, N, K >= 1 is right.
// Needs gemm.wgsl and an operation.

alias ElementA = f32;
alias ElementB = f32;

const TILE = 32u;
const DEPTH = 8u;
const QUADS = TILE / 4u;

// [k][row / 4] and [k][column / 4]
var<workgroup> a_tile: array<vec4f, DEPTH * QUADS>;
var<workgroup> b_tile: array<vec4f, DEPTH * QUADS>;

// Rows row .. row + 3 of A's column k.
fn load_rows(p: Problem, row: u32, k: u32) -> vec4f {
  let rows = row + vec4u(0u, 1u, 2u, 3u);
  let index = min(rows, vec4u(p.M - 1u)) * p.a_row + min(k, p.K - 1u) * p.a_k;
  let values = vec4f(load_a(index.x), load_a(index.y), load_a(index.z), load_a(index.w));
  return select(vec4f(), values, rows < vec4u(select(0u, p.M, k < p.K)));
}

// Columns column .. column + 3 of B's row k.
fn load_columns(p: Problem, k: u32, column: u32) -> vec4f {
  let columns = column + vec4u(0u, 1u, 2u, 3u);
  let index = min(k, p.K - 1u) * p.b_k + min(columns, vec4u(p.N - 1u)) * p.b_column;
  let values = vec4f(load_b(p.part, index.x), load_b(p.part, index.y), load_b(p.part, index.z), load_b(p.part, index.w));
  return select(vec4f(), values, columns < vec4u(select(0u, p.N, k < p.K)));
}

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) local_index: u32,
) {
  let p = problem(workgroup_id.x);
  let row0 = p.row_tile * TILE;
  let column0 = workgroup_id.y * TILE;
  // Neighbouring threads load neighbours in memory: along k where the operand is contiguous in k, else across it.
  let minor = local_index % 8u;
  let major = local_index / 8u;
  let a_k = select(major, minor, p.a_k == 1u);
  let a_quad = select(minor, major, p.a_k == 1u);
  let b_k = select(major, minor, p.b_k == 1u);
  let b_quad = select(minor, major, p.b_k == 1u);

  var c0 = vec4f();
  var c1 = vec4f();
  var c2 = vec4f();
  var c3 = vec4f();
  var row_sums = vec4f();
  for (var k0 = 0u; k0 < p.K; k0 += DEPTH) {
    a_tile[a_k * QUADS + a_quad] = load_rows(p, row0 + a_quad * 4u, k0 + a_k);
    b_tile[b_k * QUADS + b_quad] = load_columns(p, k0 + b_k, column0 + b_quad * 4u);
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let rows = a_tile[k * QUADS + local.y];
      let columns = b_tile[k * QUADS + local.x];
      c0 += rows.x * columns;
      c1 += rows.y * columns;
      c2 += rows.z * columns;
      c3 += rows.w * columns;
      row_sums += rows;
    }
    workgroupBarrier();
  }

  let row = row0 + local.y * 4u;
  let column = column0 + local.x * 4u;
  if (row < p.M) { epilogue(p.part, row, column, 1u, c0); }
  if (row + 1u < p.M) { epilogue(p.part, row + 1u, column, 1u, c1); }
  if (row + 2u < p.M) { epilogue(p.part, row + 2u, column, 1u, c2); }
  if (row + 3u < p.M) { epilogue(p.part, row + 3u, column, 1u, c3); }
  if (column == 0u) {
    if (row < p.M) { epilogue_row(p.part, row, row_sums.x); }
    if (row + 1u < p.M) { epilogue_row(p.part, row + 1u, row_sums.y); }
    if (row + 2u < p.M) { epilogue_row(p.part, row + 2u, row_sums.z); }
    if (row + 3u < p.M) { epilogue_row(p.part, row + 3u, row_sums.w); }
  }
  epilogue_end((workgroup_id.y * num_workgroups.x + workgroup_id.x) * 64u + local_index);
}

fn inp_value(index: u32) -> f32 {
  return inp[index];
}
