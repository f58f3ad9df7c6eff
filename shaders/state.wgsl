// What changes from step to step. The GPU advances it itself (finish_step.wgsl); the CPU writes it only to start or resume.
struct State {
  step: u32,      // steps done so far
  epoch: u32,     // of the first sample of the next batch
  position: u32,  // of that sample within its epoch
  halted: u32,    // bits: HALTED, OVERFLOWED
}

// The same words for adam.wgsl, where many threads may find something to say at once.
struct SharedState {
  step: u32,
  epoch: u32,
  position: u32,
  halted: atomic<u32>,
}

// No step is done any more: finish_step.wgsl leaves the state, and adam.wgsl the parameters, as they are.
const HALTED = 1u;
// Adam has made a value that is not finite. It takes effect with the next step: Adam's other threads still do this one.
const OVERFLOWED = 2u;
