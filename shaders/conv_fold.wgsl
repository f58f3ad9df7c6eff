// conv: adds up the patches of L that lie over one another, the transpose of conv_columns.wgsl:
//   L[b, y, x, c] = sum of columns[b, y', x', (i, j, c)] over what has stride y' + i - padding = y, and the same for x
// columns (B, HO, WO, KH KW C filled up to a multiple of four), L (B, H, W, C). With a kernel of 1 x 1 it takes filled up channels away.
// An epilogue, conv_fold_output.wgsl or conv_fold_gradient.wgsl, gives put(index, channel, sum). One thread per element of L.
// Needs elementwise.wgsl, element_scalar.wgsl and conv.wgsl.

override WORKGROUP_SIZE: u32;

@group(0) @binding(0) var<storage, read> columns: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let index = element_index(workgroup_id, num_workgroups, local_id, WORKGROUP_SIZE);
  let position = index / params.C;
  let line = quotient(position, params.W);
  let image = quotient(line, params.H);
  if (image >= params.B) {
    return;
  }
  let channel = index - position * params.C;
  let stride = params.stride;
  let y = line - image * params.H + params.padding;
  let x = position - line * params.W + params.padding;
  let row_size = (params.KH * params.KW * params.C + 3u) / 4u * 4u;
  var sum = 0.0;
  for (var i = y % stride; i < params.KH; i += stride) {
    // Negative ones wrap around.
    let row = (y - min(i, y)) / stride;
    let is_row = (i <= y) & (row < params.HO);
    for (var j = x % stride; j < params.KW; j += stride) {
      let column = (x - min(j, x)) / stride;
      let inside = is_row & (j <= x) & (column < params.WO);
      let at = ((image * params.HO + row) * params.WO + column) * row_size + (i * params.KW + j) * params.C + channel;
      sum += select(0.0, columns[select(0u, at, inside)], inside);
    }
  }
  put(index, channel, sum);
}
