/** The pictures of a run, as PNG bytes; the caller writes the files. */
export { type ImageGridOptions, imageGrid, type ReconstructionsOptions, reconstructions } from './grids.ts';
export { type LatentScatterOptions, latentScatter } from './latent-scatter.ts';
export { type LossRow, lossCurve } from './loss-curve.ts';
export { type ManifoldGrid, type ManifoldOptions, manifold, manifoldGrid } from './manifold.ts';
export { inverseNormalCdf } from './normal.ts';
