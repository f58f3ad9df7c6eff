// Index of this thread in a one-dimensional problem that is dispatched as rows of workgroups
// (a dispatch is limited to 65,535 workgroups per dimension). Workgroups are one-dimensional: of local_id only x is looked at,
// because lavapipe computes each coordinate with a division for every lane, and local_invocation_index from all three.
fn element_index(workgroup_id: vec3u, num_workgroups: vec3u, local_id: vec3u, workgroup_size: u32) -> u32 {
  return (workgroup_id.y * num_workgroups.x + workgroup_id.x) * workgroup_size + local_id.x;
}
