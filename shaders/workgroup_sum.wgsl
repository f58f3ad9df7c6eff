// The sum of one number of every thread of a workgroup, for all of them, always added up in the same order: a tree.
// All threads must call it. Needs WORKGROUP_SIZE, a power of two.

var<workgroup> partial: array<f32, WORKGROUP_SIZE>;

fn workgroup_sum(local_index: u32, value: f32) -> f32 {
  partial[local_index] = value;
  for (var width = WORKGROUP_SIZE / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (local_index < width) {
      partial[local_index] += partial[local_index + width];
    }
  }
  workgroupBarrier();
  let sum = partial[0];
  workgroupBarrier();  // before the next one overwrites it
  return sum;
}
