// gemm, operands of vec4 in buffers. Needs operands_vec4.wgsl.

alias Index = u32;
alias Indices = vec4u;

@group(0) @binding(0) var<storage, read> operand_a: array<vec4f>;
@group(0) @binding(1) var<storage, read> operand_b: array<vec4f>;

fn open_operands() {}

fn to_indices(vec4s: vec4u) -> Indices {
  return vec4s;
}

fn read_a(index: Index) -> vec4f {
  return operand_a[index];
}

fn read_b(index: Index) -> vec4f {
  return operand_b[index];
}
