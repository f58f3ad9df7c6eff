// gemm, operands read one element at a time: any layout, any size.
// Beyond the end the last element is read again; in a block that begins below K, operand_a is zero beyond K.

alias Element = f32;
const WIDTH = 1u;  // numbers of an Element: 2^SHIFT
const SHIFT = 0u;

// The Element that holds values[i].
fn element(values: vec4f, i: u32) -> Element {
  return values[i];
}

// Four numbers from the Elements that hold them.
fn four(x: Element, y: Element, z: Element, w: Element) -> vec4f {
  return vec4f(x, y, z, w);
}

alias Index = u32;
alias Indices = vec4u;

@group(0) @binding(0) var<storage, read> operand_a: array<f32>;
@group(0) @binding(1) var<storage, read> operand_b: array<f32>;

fn open_operands() {}

fn read_a(index: Index) -> f32 {
  return operand_a[index];
}

fn read_b(index: Index) -> f32 {
  return operand_b[index];
}

// Where a thread's blocks lie: the elements for k = 0 of four rows of operand_a or columns of operand_b.
struct Blocks { first: Indices }

// Rows row .. row + 3 of operand_a.
fn a_blocks(p: Problem, row: u32) -> Blocks {
  return Blocks(min(row + vec4u(0u, 1u, 2u, 3u), vec4u(p.M - 1u)) * p.a_row);
}

// Columns column .. column + 3 of operand_b.
fn b_blocks(p: Problem, column: u32) -> Blocks {
  return Blocks(min(column + vec4u(0u, 1u, 2u, 3u), vec4u(p.N - 1u)) * p.b_column);
}

// The block at k, a multiple of four: its rows of operand_a or columns of operand_b.
fn vectors(b: Blocks, k: u32) -> Indices {
  return b.first;
}

// Four rows of operand_a, each with its k .. k + 3. Rows beyond M hold something.
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

// One of the four vectors of a block of operand_b: its column, with its k .. k + 3.
fn load_b_vector(p: Problem, at: Index, k: u32) -> vec4f {
  let index = at + min(k + vec4u(0u, 1u, 2u, 3u), vec4u(p.K - 1u)) * p.b_k;
  return vec4f(load_b(p.part, index.x), load_b(p.part, index.y), load_b(p.part, index.z), load_b(p.part, index.w));
}

// Four columns of operand_b, each with its k .. k + 3, of a block's vectors. Columns beyond N hold something.
fn columns_of_b(p: Problem, values: mat4x4f) -> mat4x4f {
  return values;
}
