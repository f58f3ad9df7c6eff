// gemm, tile family: for GPUs.
// A workgroup of 8 x 8 threads makes a tile of the product, TILE_ROWS x 32, each thread four columns of it and four rows, or
// two times four, from slices of the operands in workgroup memory, 32 deep: every thread loads one 4 x 4 block of each, or two of
// operand_a.
// Needs tile_32x32.wgsl or tile_64x32.wgsl, operands_*.wgsl, gemm.wgsl and an operation.

const TILE_COLUMNS = 32u;
const DEPTH = 32u;
const ROW_BLOCKS = TILE_ROWS / 4u;
const COLUMN_BLOCKS = TILE_COLUMNS / 4u;

// [k][row / 4] and [k][column / 4]
var<workgroup> a_tile: array<vec4f, DEPTH * ROW_BLOCKS>;
var<workgroup> b_tile: array<vec4f, DEPTH * COLUMN_BLOCKS>;

fn store_a_block(row_block: u32, k_block: u32, values: mat4x4f) {
  let columns = transpose(values);
  for (var i = 0u; i < 4u; i++) {
    a_tile[(4u * k_block + i) * ROW_BLOCKS + row_block] = columns[i];
  }
}

fn store_b_block(column_block: u32, k_block: u32, values: mat4x4f) {
  for (var i = 0u; i < 4u; i++) {
    b_tile[(4u * k_block + i) * COLUMN_BLOCKS + column_block] = values[i];
  }
}

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) local_index: u32,
) {
  open_operands();
  let p = problem(workgroup_id.x);
  let row0 = p.row_tile * TILE_ROWS;
  let column0 = workgroup_id.y * TILE_COLUMNS;
  // Neighbouring threads load neighbours in memory: along k where the operand is contiguous in k, else across it.
  let minor = local_index % 8u;
  let major = local_index / 8u;
  let a_block = select(minor, major, p.a_k == 1u);
  let a_k_block = select(major, minor, p.a_k == 1u);
  let b_block = select(minor, major, p.b_k == 1u);
  let b_k_block = select(major, minor, p.b_k == 1u);

  let a_low = a_blocks(p, row0 + 4u * a_block);
  let a_high = a_blocks(p, row0 + 32u + 4u * a_block);
  let b = b_blocks(p, column0 + 4u * b_block);

  var c0 = vec4f();
  var c1 = vec4f();
  var c2 = vec4f();
  var c3 = vec4f();
  var c4 = vec4f();
  var c5 = vec4f();
  var c6 = vec4f();
  var c7 = vec4f();
  var low_sums = vec4f();
  var high_sums = vec4f();
  // A dispatch is one workgroup deep, or each has its part of k, and its rows of sums below those of the one before.
  let depth = (p.K + num_workgroups.z * DEPTH - 1u) / (num_workgroups.z * DEPTH) * DEPTH;
  let end = min(p.K, (workgroup_id.z + 1u) * depth);
  for (var k0 = workgroup_id.z * depth; k0 < end; k0 += DEPTH) {
    let a_k = k0 + 4u * a_k_block;
    store_a_block(a_block, a_k_block, inside_k(load_a_block(p, a_low, a_k), a_k, p.K));
    if (TILE_ROWS == 64u) {
      store_a_block(8u + a_block, a_k_block, inside_k(load_a_block(p, a_high, a_k), a_k, p.K));
    }
    store_b_block(b_block, b_k_block, load_b_block(p, b, k0 + 4u * b_k_block));
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let columns = b_tile[k * COLUMN_BLOCKS + local.x];
      let low = a_tile[k * ROW_BLOCKS + local.y];
      c0 += low.x * columns;
      c1 += low.y * columns;
      c2 += low.z * columns;
      c3 += low.w * columns;
      low_sums += low;
      if (TILE_ROWS == 64u) {
        let high = a_tile[k * ROW_BLOCKS + 8u + local.y];
        c4 += high.x * columns;
        c5 += high.y * columns;
        c6 += high.z * columns;
        c7 += high.w * columns;
        high_sums += high;
      }
    }
    workgroupBarrier();
  }

  let column = column0 + 4u * local.x;
  let first = workgroup_id.z * p.M;
  store_rows(p, first, row0 + 4u * local.y, column, mat4x4f(c0, c1, c2, c3), low_sums);
  if (TILE_ROWS == 64u) {
    store_rows(p, first, row0 + 32u + 4u * local.y, column, mat4x4f(c4, c5, c6, c7), high_sums);
  }
  epilogue_end((workgroup_id.y * num_workgroups.x + workgroup_id.x) * 64u + local_index);
}

fn store_rows(p: Problem, first: u32, row: u32, column: u32, sums: mat4x4f, row_sums: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    if (row + i < p.M) {
      epilogue(p.part, first + row + i, column, sums[i]);
      if (column == 0u) {
        epilogue_row(p.part, row + i, row_sums[i]);
      }
    }
  }
}
