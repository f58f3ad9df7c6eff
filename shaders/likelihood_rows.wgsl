// likelihood_rows: the terms of a loss row by row, for losses that are no sum over rows; and, when the rows' weights are known, their
// gradient.
//   terms[r] = sum over the elements of row r;  the gradient of row r counts weights[r] scale
// One workgroup: one row. The order of the sums is fixed: a thread's elements in turn, then a tree.
// Needs elementwise.wgsl, an element_*.wgsl, sink.wgsl or sink_none.wgsl, workgroup_sum.wgsl, and the file of a likelihood, see
// likelihood.wgsl.

override WORKGROUP_SIZE: u32 = 64u;
override COLUMNS: u32;  // Elements of a row

@group(0) @binding(6) var<storage, read_write> terms: array<f32>;
@group(0) @binding(7) var<storage, read> weights: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let local_index = local_id.x;  // see elementwise.wgsl
  // The last workgroups of a dispatch of several rows of them have nothing to do, but may not leave before the barriers.
  let row = element_index(workgroup_id, num_workgroups, vec3u(), 1u);
  let first = row * COLUMNS;
  let end = min(first + COLUMNS, params.elements);
  let factor = params.scale * weights[min(row, arrayLength(&weights) - 1u)];
  var sum: Element;
  for (var index = first + local_index; index < end; index += WORKGROUP_SIZE) {
    sum += likelihood(index, factor);
  }
  let term = workgroup_sum(local_index, total(sum));
  if (local_index == 0u && row < arrayLength(&terms)) {
    terms[row] = term;
  }
}
