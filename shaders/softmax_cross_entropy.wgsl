// softmax_cross_entropy: -log softmax(logits)[label] of every row, and its gradient.
//   term[b] = log(sum_k exp(l_k - m)) + m - l_label, m = max_k l_k;  dlogits = softmax(l) - onehot(label)
// logits, dlogits (B, K); labels (B) u32; terms (B), in nats. A label that is no class gives NaN, as nothing else can tell.
// One workgroup: one row. Its sums have a fixed order: strided, then a tree.
// Needs elementwise.wgsl, element_scalar.wgsl, sink.wgsl, workgroup_sum.wgsl, a scale_*.wgsl. dlogits is the sink's dinp.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  batch: u32,    // B
  classes: u32,  // K
  masked: u32,
  accumulate: u32,
  scale: f32,    // weight / B
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> terms: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

// Compilers fold x != x to false, so the bits are looked at.
fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

// The larger one, or the one that is NaN, which max() may hide.
fn larger(a: f32, b: f32) -> f32 {
  return select(select(b, a, a > b), a, is_nan(a));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let local_index = local_id.x;  // see elementwise.wgsl
  // The last workgroups of a dispatch of several rows of them have nothing to do, but may not leave before the barriers.
  let number = element_index(workgroup_id, num_workgroups, vec3u(), 1u);
  let row = min(number, params.batch - 1u);
  let first = row * params.classes;

  // The largest logit, or a NaN.
  var largest = logits[first];
  for (var k = local_index; k < params.classes; k += WORKGROUP_SIZE) {
    largest = larger(largest, logits[first + k]);
  }
  partial[local_index] = largest;
  for (var width = WORKGROUP_SIZE / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (local_index < width) {
      partial[local_index] = larger(partial[local_index], partial[local_index + width]);
    }
  }
  workgroupBarrier();
  largest = partial[0];
  workgroupBarrier();

  var sum = 0.0;
  for (var k = local_index; k < params.classes; k += WORKGROUP_SIZE) {
    sum += exp(logits[first + k] - largest);
  }
  sum = workgroup_sum(local_index, sum);
  if (number >= params.batch) {
    return;
  }

  let label = labels[row];
  if (local_index == 0u) {
    let own = logits[first + min(label, params.classes - 1u)];
    // The bits of a NaN, made so that no compiler sees a constant.
    let nan = bitcast<f32>(label | 0x7fc00000u);
    terms[row] = select(log(sum) + (largest - own), nan, label >= params.classes);
  }
  let factor = scale();
  for (var k = local_index; k < params.classes; k += WORKGROUP_SIZE) {
    // SwiftShader's exp makes a number of a NaN.
    let probability = select(exp(logits[first + k] - largest) / sum, largest, is_nan(largest));
    put(first + k, (probability - select(0.0, 1.0, k == label)) * factor);
  }
}
