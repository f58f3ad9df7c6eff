// Epilogue: out = sum.
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

fn epilogue(row: u32, column: u32, stride: u32, sum: vec4f) {
  let at = row * params.N + column;
  if (column < params.N) { out[at] = sum.x; }
  if (column + stride < params.N) { out[at + stride] = sum.y; }
  if (column + 2u * stride < params.N) { out[at + 2u * stride] = sum.z; }
  if (column + 3u * stride < params.N) { out[at + 3u * stride] = sum.w; }
}

fn epilogue_row(row: u32, sum: f32) {}

fn epilogue_end(thread: u32) {}
