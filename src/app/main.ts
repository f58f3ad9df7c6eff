import { DataError, type DataSet, DeviceLimitError, GpuError, loadMnist, NonFiniteError, readFiles } from 'webgpu-vae';
import './locale.ts';
import { Alerts, BROWSER_HELP } from './alerts.ts';
import { Controls } from './controls.ts';
import { dataChooser } from './data-chooser.ts';
import { button, element, region } from './dom.ts';
import { DrawDigit } from './draw-digit.ts';
import { DecodedPoint } from './explore.ts';
import { Reconstructions, Samples } from './image-views.ts';
import { Keeper } from './keeper.ts';
import { KernelsPanel } from './kernels-panel.ts';
import { LatentPlane } from './latent-plane.ts';
import { LossChart } from './loss-chart.ts';
import { Scrubber } from './scrubber.ts';
import { Session } from './session.ts';
import { DEFAULTS, parseHash } from './settings.ts';
import { Status } from './status.ts';
import './style.css';
import { Views } from './views.ts';

const main = element('main', {});
const alerts = new Alerts(() => main.querySelector('button'));
const status = new Status();
const header = element(
  'header',
  {},
  element('h1', {}, 'webgpu-vae'),
  element(
    'p',
    {},
    'A variational autoencoder learns handwritten digits on your GPU, in this page. Nothing leaves your computer.',
  ),
  status.root,
);
document.querySelector('#app')!.replaceChildren(header, alerts.root, main);
// From here on troubles are told in the page.
document.querySelector('#boot')?.remove();

/** What is done with dropped files. */
let takeFiles: (files: File[]) => void = () => {};

function listenToDrops(): void {
  // Text may still be dragged into a field.
  const files = ({ dataTransfer }: DragEvent): File[] | undefined =>
    dataTransfer?.types.includes('Files') ? [...dataTransfer.files] : undefined;
  document.addEventListener('dragover', (event) => {
    if (files(event)) event.preventDefault();
  });
  document.addEventListener('drop', (event) => {
    const dropped = files(event);
    if (!dropped) return;
    event.preventDefault();
    if (dropped.length > 0) takeFiles(dropped);
  });
}

/** MNIST; where the page's server does not give it, what the visitor has. */
async function firstData(): Promise<DataSet> {
  for (;;) {
    status.say('loading MNIST', 0);
    try {
      return await loadMnist(undefined, { onProgress: (part) => status.move(part) });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      status.say('not started');
      alerts.error('MNIST could not be loaded', error);
    }
    const own = await askForData();
    main.replaceChildren();
    alerts.clear();
    if (own) return own;
  }
}

/** The visitor's own data set, or undefined if MNIST is to be tried again. */
function askForData(): Promise<DataSet | undefined> {
  return new Promise((resolve) => {
    const take = (files: File[]): void => {
      readFiles(files).then(resolve, (error) => alerts.error('Loading the data set failed', error));
    };
    const again = button('Try again', () => resolve(undefined), { class: 'primary' });
    main.append(
      region(
        'Data',
        element('div', { class: 'buttons' }, again),
        element('div', { class: 'data' }, ...dataChooser(take)),
      ),
    );
    takeFiles = take;
  });
}

async function start(): Promise<void> {
  if (!('gpu' in navigator)) {
    status.say('WebGPU is missing');
    alerts.show(
      'This browser has no WebGPU',
      'The page trains with WebGPU, which this browser does not offer here:',
      BROWSER_HELP,
    );
    return;
  }
  listenToDrops();
  const data = await firstData();
  status.say('building the model');
  const { config, refused } = parseHash(location.hash);
  let tooLarge: Error | undefined;
  const session = await Session.open(data, config).catch((error: unknown) => {
    if (!(error instanceof DeviceLimitError || error instanceof GpuError)) throw error;
    tooLarge = error;
    return Session.open(data, DEFAULTS);
  });
  session.onError = (error) => {
    alerts.error(error instanceof NonFiniteError ? 'Training stopped' : 'Something went wrong', error);
  };
  if (tooLarge) alerts.error("The link's model does not fit this GPU; the default settings stand in for it", tooLarge);
  show(session, refused);
}

function show(session: Session, refused: readonly string[]): void {
  const keeper = new Keeper(session, (error) =>
    alerts.error('This browser does not keep the session: save a checkpoint before you leave', error),
  );
  const controls = new Controls(session, alerts, keeper);
  controls.tellRefused(refused);
  const chart = new LossChart(session);
  const reconstructions = new Reconstructions();
  const samples = new Samples();
  const scrubber = new Scrubber((model) => views.lookBack(model));
  const plane = new LatentPlane(scrubber.root);
  const point = new DecodedPoint();
  const digit = new DrawDigit();
  const kernels = new KernelsPanel(session);
  plane.onMove = (latents) => point.moveTo(latents);
  plane.onEnds = (from, to) => point.interpolate(from, to);
  digit.onEncoded = (posterior) => plane.showEllipse(posterior);
  const columns = [
    [controls.root, chart.root],
    [plane.root],
    // Where it lands is seen on the plane, so the field to draw in comes right after it.
    [digit.root, point.root, reconstructions.root, samples.root],
  ];
  main.append(
    element('div', { class: 'columns' }, ...columns.map((roots) => element('div', { class: 'column' }, ...roots))),
    kernels.root,
  );
  const all = [reconstructions, samples, point, plane, digit];
  const views = new Views(session, all, (picture) => scrubber.show(picture));
  session.listen((event) => {
    if (event === 'model' || event === 'epoch') scrubber.update(session.run.past);
  });
  scrubber.update(session.run.past);
  status.follow(session);
  chart.start();
  views.start();

  takeFiles = (files) => void controls.takeFiles(files);
  // The page's own changes of the hash do not come here.
  addEventListener('hashchange', () => void controls.takeLink(location.hash));
}

start().catch((error: unknown) => {
  status.say('not started');
  if (error instanceof Error && error.name === 'NoAdapterError') {
    alerts.show('WebGPU found no usable GPU', error.message, BROWSER_HELP);
  } else alerts.error('The page could not start', error);
});
