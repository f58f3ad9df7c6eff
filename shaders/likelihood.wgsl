// likelihood: adds up the terms of a loss that is a sum over elements, and writes their gradient in passing.
//   terms[w] = sum over the elements of workgroup w; all of them together are the sum over the batch.
// The order of the sums is fixed: a thread's elements in turn, then a tree. So the same numbers give the same bits.
// Needs elementwise.wgsl, an element_*.wgsl, sink.wgsl, workgroup_sum.wgsl, a scale_*.wgsl, and the file of a likelihood with
//   fn likelihood(index: u32, scale: f32) -> Element: the terms of an Element, whose gradient, times scale, it has put.

override WORKGROUP_SIZE: u32 = 64u;
const ELEMENTS = 16u;  // of a thread

@group(0) @binding(6) var<storage, read_write> terms: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let local_index = local_id.x;  // see elementwise.wgsl
  let group = element_index(workgroup_id, num_workgroups, vec3u(), 1u);
  // A workgroup's Elements lie together, a thread's so far apart that neighbouring threads read neighbours.
  let first = group * WORKGROUP_SIZE * ELEMENTS;
  let end = min(first + WORKGROUP_SIZE * ELEMENTS, params.elements);
  let factor = scale();
  var sum: Element;
  for (var index = first + local_index; index < end; index += WORKGROUP_SIZE) {
    sum += likelihood(index, factor);
  }
  let term = workgroup_sum(local_index, total(sum));
  if (local_index == 0u && group < arrayLength(&terms)) {
    terms[group] = term;
  }
}
