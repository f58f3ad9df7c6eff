// gemm, second half of split-K: adds up what the parts of k have come to, always in their order, and ends the product with its
// epilogue. operand_a: (parts, M, N), what gemm_partial.wgsl wrote; operand_b is not read. A workgroup of 8 x 8 threads ends
// a 32 x 32 tile of the product, as gemm_tile.wgsl does. Needs operands_*.wgsl, gemm.wgsl and an operation.

override PARTS: u32 = 1u;

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) local_index: u32,
) {
  open_operands();
  let p = problem(workgroup_id.x);
  let row0 = p.row_tile * 32u + 4u * local.y;
  let column = workgroup_id.y * 32u + 4u * local.x;
  let columns = min(column + vec4u(0u, 1u, 2u, 3u), vec4u(p.N - 1u));
  for (var row = row0; row < min(row0 + 4u, p.M); row++) {
    var sums = vec4f();
    for (var part = 0u; part < PARTS; part++) {
      let at = ((part * p.M + row) * p.N + columns) >> vec4u(SHIFT);
      sums += four(read_a(at.x), read_a(at.y), read_a(at.z), read_a(at.w));
    }
    epilogue(p.part, row, column, sums);
  }
  epilogue_end((workgroup_id.y * num_workgroups.x + workgroup_id.x) * 64u + local_index);
}
