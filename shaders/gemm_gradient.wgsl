// Epilogue of the weight gradient: dweight = sum, and dbias = the sum over the batch of dout, which is A's row sum.
@group(0) @binding(3) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(4) var<storage, read_write> dbias: array<f32>;

fn epilogue(row: u32, column: u32, stride: u32, sum: vec4f) {
  let at = row * params.N + column;
  if (column < params.N) { dweight[at] = sum.x; }
  if (column + stride < params.N) { dweight[at + stride] = sum.y; }
  if (column + 2u * stride < params.N) { dweight[at + 2u * stride] = sum.z; }
  if (column + 3u * stride < params.N) { dweight[at + 3u * stride] = sum.w; }
}

fn epilogue_row(row: u32, sum: f32) {
  dbias[row] = sum;
}

fn epilogue_end(thread: u32) {}
