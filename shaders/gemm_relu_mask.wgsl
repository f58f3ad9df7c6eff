// Epilogue of the input gradient through a ReLU: dinp = sum where the ReLU's output inp is positive, else 0.
@group(0) @binding(3) var<storage, read> inp: array<f32>;
@group(0) @binding(4) var<storage, read_write> dinp: array<f32>;

fn epilogue(row: u32, column: u32, stride: u32, sum: vec4f) {
  let at = row * params.N + column;
  if (column < params.N) { mask(at, sum.x); }
  if (column + stride < params.N) { mask(at + stride, sum.y); }
  if (column + 2u * stride < params.N) { mask(at + 2u * stride, sum.z); }
  if (column + 3u * stride < params.N) { mask(at + 3u * stride, sum.w); }
}

fn mask(at: u32, sum: f32) {
  dinp[at] = select(0.0, sum, inp[at] > 0.0);
}

fn epilogue_row(row: u32, sum: f32) {}

fn epilogue_end(thread: u32) {}
