// What an elementwise operation computes with: four neighbours, where their number is a multiple of four.
// Built-in functions and operators take a vec4f as they take an f32, so the operations are the same text for both.
alias Element = vec4f;

fn total(x: Element) -> f32 {
  return (x.x + x.y) + (x.z + x.w);
}
