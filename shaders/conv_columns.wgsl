// conv: the patches of L laid out, one to a row, which is filled up with zeros to a multiple of four numbers:
//   columns[b, y, x, (i, j, c)] = L[b, stride y + i - padding, stride x + j - padding, c]
// L (B, H, W, C), columns (B, HO, WO, KH KW C filled up). With a kernel of 1 x 1 it fills up channels. One thread per vec4 of columns.
// Needs elementwise.wgsl and conv.wgsl.

override WORKGROUP_SIZE: u32;

@group(0) @binding(0) var<storage, read> inp: array<f32>;
@group(0) @binding(1) var<storage, read_write> columns: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let index = element_index(workgroup_id, num_workgroups, local_id, WORKGROUP_SIZE);
  let K = params.KH * params.KW * params.C;
  let vectors = (K + 3u) / 4u;
  let position = index / vectors;
  let line = quotient(position, params.WO);
  let image = quotient(line, params.HO);
  if (image >= params.B) {
    return;
  }
  let k = 4u * (index - position * vectors) + NUMBERS;
  let taps = quotients(k, params.C);
  let rows = quotients(taps, params.KW);
  let y = (line - image * params.HO) * params.stride + rows - params.padding;
  let x = (position - line * params.WO) * params.stride + taps - rows * params.KW - params.padding;
  // What is negative has wrapped around to a large number.
  let inside = (y < vec4u(params.H)) & (x < vec4u(params.W)) & (k < vec4u(K));
  let at = ((image * params.H + y) * params.W + x) * params.C + k - taps * params.C;
  let i = select(vec4u(), at, inside);
  columns[index] = select(vec4f(), vec4f(inp[i.x], inp[i.y], inp[i.z], inp[i.w]), inside);
}
