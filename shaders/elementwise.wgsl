// Index of this thread in a one-dimensional problem that is dispatched as rows of workgroups
// (a dispatch is limited to 65,535 workgroups per dimension).
fn element_index(workgroup_id: vec3u, num_workgroups: vec3u, local_index: u32, workgroup_size: u32) -> u32 {
  return (workgroup_id.y * num_workgroups.x + workgroup_id.x) * workgroup_size + local_index;
}
