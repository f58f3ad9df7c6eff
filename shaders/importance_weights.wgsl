// importance_weights: the importance-weighted bound of every image from its K samples, with log w_k = ratio_k - nll_k:
//   bound[b] = -log(sum_k w_k / K) = log K - m - log(sum_k exp(log w_k - m)),  m = max_k log w_k
//   weights[b K + k] = w_k / sum_k w_k, by which the gradients of the log w_k count
//   nll_mean[b], kld_mean[b]: means over k of nll_k and of -ratio_k, whose sum is the bound with one sample, -ELBO
// Burda et al. 2016, "Importance weighted autoencoders", equations 8 and 14.
// ratio, nll, weights (B K); bound, nll_mean, kld_mean (B), in nats. One workgroup: one image. Its sums have a fixed order: strided,
// then a tree. Needs elementwise.wgsl and workgroup_sum.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  batch: u32,    // B
  samples: u32,  // K
}

@group(0) @binding(0) var<storage, read> ratio: array<f32>;
@group(0) @binding(1) var<storage, read> nll: array<f32>;
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> bound: array<f32>;
@group(0) @binding(4) var<storage, read_write> nll_mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> kld_mean: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

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
  let image = min(number, params.batch - 1u);
  let first = image * params.samples;

  var largest = ratio[first] - nll[first];
  var nlls = 0.0;
  var ratios = 0.0;
  for (var k = local_index; k < params.samples; k += WORKGROUP_SIZE) {
    largest = larger(largest, ratio[first + k] - nll[first + k]);
    nlls += nll[first + k];
    ratios += ratio[first + k];
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
  for (var k = local_index; k < params.samples; k += WORKGROUP_SIZE) {
    sum += exp(ratio[first + k] - nll[first + k] - largest);
  }
  sum = workgroup_sum(local_index, sum);
  nlls = workgroup_sum(local_index, nlls);
  ratios = workgroup_sum(local_index, ratios);
  if (number >= params.batch) {
    return;
  }
  let count = f32(params.samples);
  if (local_index == 0u) {
    bound[image] = log(count) - log(sum) - largest;
    nll_mean[image] = nlls / count;
    kld_mean[image] = -ratios / count;
  }
  for (var k = local_index; k < params.samples; k += WORKGROUP_SIZE) {
    weights[first + k] = exp(ratio[first + k] - nll[first + k] - largest) / sum;
  }
}
