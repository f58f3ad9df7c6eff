// group_norm, what both of its gradients need: sums over the pixels of an image, channel by channel. With n = (inp - mean) rstd,
// y = n weight + bias and d = dout f'(y):
//   sums = sum of d n, sum of d
// dout, inp (B, H, W, C); weight, bias (C); moments (B, G), mean and rstd; sums (B, 2, C).
// One thread: one Element of the channels of one image, in the order of the pixels, so the same numbers give the same bits.
// Needs elementwise.wgsl, an element_*.wgsl and the file of a function, with `backward`.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  elements: u32,  // of these, in all images
  groups: u32,    // G
  pixels: u32,    // H W
  columns: u32,   // Elements of a pixel: of C
  width: u32,     // of these, in a group
}

@group(0) @binding(0) var<storage, read> dout: array<Element>;
@group(0) @binding(1) var<storage, read> inp: array<Element>;
@group(0) @binding(2) var<storage, read> weight: array<Element>;
@group(0) @binding(3) var<storage, read> bias: array<Element>;
@group(0) @binding(4) var<storage, read> moments: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> sums: array<Element>;
@group(0) @binding(6) var<uniform> params: Params;

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
  let image = index / params.columns;
  let column = index % params.columns;
  let moment = moments[image * params.groups + column / params.width];
  let w = weight[column];
  let b = bias[column];
  var products: Element;
  var sum: Element;
  var at = image * params.pixels * params.columns + column;
  for (var pixel = 0u; pixel < params.pixels; pixel++) {
    let n = (inp[at] - moment.x) * moment.y;
    let d = backward(n * w + b, dout[at]);
    products += d * n;
    sum += d;
    at += params.columns;
  }
  sums[2u * image * params.columns + column] = products;
  sums[(2u * image + 1u) * params.columns + column] = sum;
}
