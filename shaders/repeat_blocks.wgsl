// repeat_blocks: every pixel fills a block of size x size others. Nearest up-sampling with scale 1, and the gradient of average
// pooling with scale 1 / size^2.
//   dinp[b, y, x] = scale * source[b, y / size, x / size], 0 where there is no such pixel: at edges that pooling did not look at
// source (B, SH, SW, C); dinp, what is written, see sink.wgsl, (B, H, W, C). One thread: an Element of the channels in one row, as in
// sum_blocks.wgsl.
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
  let y = row % params.rows / params.size;
  var source_at = (row / params.rows * params.source_rows + y) * params.source_columns * params.channels + channel;
  var at = row * params.columns * params.channels + channel;
  let end = at + params.columns * params.channels;
  if (y < params.source_rows) {
    for (var x = 0u; x < params.source_columns; x++) {
      let value = params.scale * source[source_at];
      for (var j = 0u; j < params.size; j++) {
        put(at, value);
        at += params.channels;
      }
      source_at += params.channels;
    }
  }
  for (; at < end; at += params.channels) {
    put(at, Element());
  }
}
