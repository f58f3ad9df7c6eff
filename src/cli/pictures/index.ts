/** The pictures of a run, as PNG bytes; the caller writes the files. */
export { type AnimationOptions, animation } from './animation.ts';
export { type ImageGridOptions, imageGrid, type ReconstructionsOptions, reconstructions } from './grids.ts';
export { type LatentScatterOptions, latentScatter } from './latent-scatter.ts';
export { type LossRow, lossCurve } from './loss-curve.ts';
export { type ManifoldGrid, type ManifoldOptions, manifold, manifoldGrid, subscript } from './manifold.ts';
export { inverseNormalCdf } from './normal.ts';
export { type StripsOptions, strips } from './strips.ts';
