// sum_blocks: every pixel from a block of size x size others, row by row. Average pooling with scale 1 / size^2, and the gradient
// of nearest up-sampling with scale 1.
//   dinp[b, y, x] = scale * sum of source[b, size y + i, size x + j] over i, j < size
// source (B, SH, SW, C); dinp, what is written, see sink.wgsl, (B, H, W, C), size H <= SH, size W <= SW: what is left over at the
// edges is not looked at. One thread: an Element of the channels in one row, since software adapters divide lane by lane.
// Needs elementwise.wgsl, an element_*.wgsl, sink.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  elements: u32,        // of the channels, in all rows of dinp
  channels: u32,        // Elements of a pixel: of C
  rows: u32,            // H
  columns: u32,         // W
  source_rows: u32,     // SH
  source_columns: u32,  // SW
  size: u32,
  scale: f32,
  masked: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> source: array<Element>;
@group(0) @binding(1) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let index = element_index(workgroup_id, num_workgroups, local_id, WORKGROUP_SIZE);
  if (index >= params.elements) {
    return;
  }
  let row = index / params.channels;  // of all images
  let channel = index % params.channels;
  let source_row = row / params.rows * params.source_rows + row % params.rows * params.size;
  var corner = source_row * params.source_columns * params.channels + channel;
  var at = row * params.columns * params.channels + channel;
  for (var x = 0u; x < params.columns; x++) {
    var sum = Element();
    var from_row = corner;
    for (var i = 0u; i < params.size; i++) {
      for (var j = 0u; j < params.size; j++) {
        sum += source[from_row + j * params.channels];
      }
      from_row += params.source_columns * params.channels;
    }
    put(at, params.scale * sum);
    corner += params.size * params.channels;
    at += params.channels;
  }
}
