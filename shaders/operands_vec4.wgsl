// gemm, operands read four neighbours at a time: whichever of an operand's two dimensions is contiguous in memory must be a
// multiple of four. The other one may have any size. Beyond the end the last element is read again; in a block that begins
// below K, A is zero beyond K. Needs operands_buffer.wgsl or operands_texture.wgsl.

alias Element = vec4f;
const WIDTH = 4u;  // numbers of an Element

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
  first: vec4u,  // the block for k = 0
  step: u32,     // from a block to the next one along k
  last: vec4u,   // of those in K
}

// Rows row .. row + 3 of A.
fn a_blocks(p: Problem, row: u32) -> Blocks {
  return blocks(row, p.M, p.a_row, p.K, p.a_k, p.a_along_k);
}

// Columns column .. column + 3 of B.
fn b_blocks(p: Problem, column: u32) -> Blocks {
  return blocks(column, p.N, p.b_column, p.K, p.b_k, p.b_along_k);
}

fn blocks(position: u32, size: u32, stride: u32, K: u32, k_stride: u32, along_k: bool) -> Blocks {
  let numbers = vec4u(0u, 1u, 2u, 3u);
  if (along_k) {
    let first = min(position + numbers, vec4u(size - 1u)) * (stride / 4u);
    return Blocks(first, 1u, first + (K - 1u) / 4u);
  }
  let quad = min(position, size - 1u) / 4u;
  let last = vec4u((K - 1u) * (k_stride / 4u) + quad);
  return Blocks(min(numbers * (k_stride / 4u) + quad, last), k_stride, last);
}

// Four rows of A, each with its k .. k + 3; k a multiple of four. Rows beyond M hold something.
fn load_a_block(p: Problem, a: Blocks, k: u32) -> mat4x4f {
  let index = min(a.first + k / 4u * a.step, a.last);
  let values = mat4x4f(read_a(index.x), read_a(index.y), read_a(index.z), read_a(index.w));
  if (p.a_along_k) {
    return values;
  }
  return inside_k(transpose(values), k, p.K);
}

// B's rows k .. k + 3, four columns of each; k a multiple of four. Columns beyond N hold something.
fn load_b_block(p: Problem, b: Blocks, k: u32) -> mat4x4f {
  let index = min(b.first + k / 4u * b.step, b.last);
  let values = mat4x4f(load_b(p.part, index.x), load_b(p.part, index.y), load_b(p.part, index.z), load_b(p.part, index.w));
  if (p.b_along_k) {
    return transpose(values);
  }
  return values;
}
