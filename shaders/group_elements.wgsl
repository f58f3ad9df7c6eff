// The Elements of a group of channels in all pixels of an image, dealt out to the threads of a workgroup in turn, as (pixel, column in
// the group). Only the first one needs a division: software adapters divide lane by lane.
// Needs params with width, step_pixels and step_columns: WORKGROUP_SIZE / width, and what is left over.

fn first_element(local_index: u32) -> vec2u {
  return vec2u(local_index / params.width, local_index % params.width);
}

fn next_element(element: vec2u) -> vec2u {
  let column = element.y + params.step_columns;
  let next = element.x + params.step_pixels;
  return select(vec2u(next, column), vec2u(next + 1u, column - params.width), column >= params.width);
}
