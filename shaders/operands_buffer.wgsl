// gemm, operands of vec4 in buffers. Needs operands_vec4.wgsl.

@group(0) @binding(0) var<storage, read> operand_a: array<vec4f>;
@group(0) @binding(1) var<storage, read> operand_b: array<vec4f>;

fn read_a(index: u32) -> vec4f {
  return operand_a[index];
}

fn read_b(index: u32) -> vec4f {
  return operand_b[index];
}
