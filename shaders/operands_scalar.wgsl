// gemm, operands read one element at a time: any layout, any size.
// Beyond the end the last element is read again; in a block that begins below K, A is zero beyond K.

alias Element = f32;
const WIDTH = 1u;  // numbers of an Element

// The Element that holds values[i].
fn element(values: vec4f, i: u32) -> Element {
  return values[i];
}

// Four numbers from the Elements that hold them.
fn four(x: Element, y: Element, z: Element, w: Element) -> vec4f {
  return vec4f(x, y, z, w);
}

@group(0) @binding(0) var<storage, read> operand_a: array<f32>;
@group(0) @binding(1) var<storage, read> operand_b: array<f32>;

fn read_a(index: u32) -> f32 {
  return operand_a[index];
}

fn read_b(index: u32) -> f32 {
  return operand_b[index];
}

// Where a thread's blocks lie: the elements for k = 0.
struct Blocks { first: vec4u }

// Rows row .. row + 3 of A.
fn a_blocks(p: Problem, row: u32) -> Blocks {
  return Blocks(min(row + vec4u(0u, 1u, 2u, 3u), vec4u(p.M - 1u)) * p.a_row);
}

// Columns column .. column + 3 of B.
fn b_blocks(p: Problem, column: u32) -> Blocks {
  return Blocks(min(column + vec4u(0u, 1u, 2u, 3u), vec4u(p.N - 1u)) * p.b_column);
}

// Four rows of A, each with its k .. k + 3. Rows beyond M hold something.
fn load_a_block(p: Problem, a: Blocks, k: u32) -> mat4x4f {
  let ks = min(k + vec4u(0u, 1u, 2u, 3u), vec4u(p.K - 1u)) * p.a_k;
  let rows = mat4x4f(
    load_a_4(a.first.x + ks),
    load_a_4(a.first.y + ks),
    load_a_4(a.first.z + ks),
    load_a_4(a.first.w + ks),
  );
  return inside_k(rows, k, p.K);
}

fn load_a_4(index: vec4u) -> vec4f {
  return vec4f(read_a(index.x), read_a(index.y), read_a(index.z), read_a(index.w));
}

// B's rows k .. k + 3, four columns of each. Columns beyond N hold something.
fn load_b_block(p: Problem, b: Blocks, k: u32) -> mat4x4f {
  let ks = min(k + vec4u(0u, 1u, 2u, 3u), vec4u(p.K - 1u)) * p.b_k;
  return mat4x4f(
    load_b_4(p.part, ks.x + b.first),
    load_b_4(p.part, ks.y + b.first),
    load_b_4(p.part, ks.z + b.first),
    load_b_4(p.part, ks.w + b.first),
  );
}

fn load_b_4(part: u32, index: vec4u) -> vec4f {
  return vec4f(load_b(part, index.x), load_b(part, index.y), load_b(part, index.z), load_b(part, index.w));
}
