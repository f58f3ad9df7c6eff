// gemm, operands read four neighbours at a time: whichever of an operand's two dimensions is contiguous in memory must be a
// multiple of four. The other one may have any size. Beyond the end the last element is read again; in a block that begins
// below K, operand_a is zero beyond K. Needs operands_buffer.wgsl, operands_texture.wgsl or operands_sampled.wgsl.

alias Element = vec4f;
const WIDTH = 4u;  // numbers of an Element: 2^SHIFT, because SwiftShader's compiler would divide, lane by lane
const SHIFT = 2u;

// The Element that holds values[i].
fn element(values: vec4f, i: u32) -> Element {
  return values;
}

// Four numbers from the Elements that hold them, which are one and the same.
fn four(x: Element, y: Element, z: Element, w: Element) -> vec4f {
  return x;
}

// Where a thread's blocks lie, in vec4s, so that the loop over k has little to compute. A block is four vectors along the
// contiguous dimension, one after the other along the other one.
struct Blocks {
  first: Indices,  // the block for k = 0
  step: Index,     // from a block to the next one along k
  last: Indices,   // of those in K
}

// Rows row .. row + 3 of operand_a.
fn a_blocks(p: Problem, row: u32) -> Blocks {
  return blocks(row, p.M, p.a_row, p.K, p.a_k, p.a_along_k);
}

// Columns column .. column + 3 of operand_b.
fn b_blocks(p: Problem, column: u32) -> Blocks {
  return blocks(column, p.N, p.b_column, p.K, p.b_k, p.b_along_k);
}

fn blocks(position: u32, size: u32, stride: u32, K: u32, k_stride: u32, along_k: bool) -> Blocks {
  let numbers = vec4u(0u, 1u, 2u, 3u);
  if (along_k) {
    let first = min(position + numbers, vec4u(size - 1u)) * (stride >> 2u);
    return Blocks(to_indices(first), 1, to_indices(first + ((K - 1u) >> 2u)));
  }
  let across = min(position, size - 1u) >> 2u;
  let last = vec4u((K - 1u) * (k_stride >> 2u) + across);
  return Blocks(to_indices(min(numbers * (k_stride >> 2u) + across, last)), Index(k_stride), to_indices(last));
}

// The four vectors of the block at k, a multiple of four.
fn vectors(b: Blocks, k: u32) -> Indices {
  return min(b.first + Index(i32(k >> 2u)) * b.step, b.last);
}

// Four rows of operand_a, each with its k .. k + 3; k a multiple of four. Rows beyond M hold something.
fn load_a_block(p: Problem, a: Blocks, k: u32) -> mat4x4f {
  let at = vectors(a, k);
  let values = mat4x4f(read_a(at.x), read_a(at.y), read_a(at.z), read_a(at.w));
  if (p.a_along_k) {
    return values;
  }
  return inside_k(transpose(values), k, p.K);
}

// One of the four vectors of a block of operand_b.
fn load_b_vector(p: Problem, at: Index, k: u32) -> vec4f {
  return load_b(p.part, at);
}

// Four columns of operand_b, each with its k .. k + 3, of a block's vectors. Columns beyond N hold something.
fn columns_of_b(p: Problem, values: mat4x4f) -> mat4x4f {
  if (p.b_along_k) {
    return values;
  }
  return transpose(values);
}
