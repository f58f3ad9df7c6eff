import './locale.ts';
import './no-eval.ts';
import { loadMnist } from '../host/mnist.browser.ts';
import { DataError, DeviceLimitError, GpuError, NonFiniteError, writeCheckpoint } from '../index.ts';
import { Alerts, BROWSER_HELP } from './alerts.ts';
import { Controls } from './controls.ts';
import { element } from './dom.ts';
import { DrawDigit } from './draw-digit.ts';
import { DecodedPoint } from './explore.ts';
import { Reconstructions, Samples } from './image-views.ts';
import { KernelsPanel } from './kernels-panel.ts';
import { LatentPlane } from './latent-plane.ts';
import { LossChart } from './loss-chart.ts';
import { Session } from './session.ts';
import { DEFAULTS, parseHash } from './settings.ts';
import { Status } from './status.ts';
import { loadSession, storeSession } from './storage.ts';
import './style.css';
import { Views } from './views.ts';

const alerts = new Alerts();
const status = new Status();
const main = element('main', {});
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

/** Keeps the session in the browser; a full disk is told once and training goes on. */
function keepSession(session: Session): void {
  let told = false;
  let storing = false;
  session.listen((event) => {
    const { vae } = session;
    if (event !== 'snapshot' || storing || vae.lastSnapshot.step === 0) return;
    storing = true;
    const { step } = vae.lastSnapshot;
    storeSession({ checkpoint: writeCheckpoint(vae.lastSnapshot), step, steps: vae.steps, savedAt: Date.now() })
      .catch((error) => {
        if (!told) alerts.error('This browser does not keep the session: save a checkpoint before you leave', error);
        told = true;
      })
      .finally(() => {
        storing = false;
      });
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
  status.say('loading MNIST', 0);
  const [data, stored] = await Promise.all([loadMnist(undefined, (part) => status.move(part)), loadSession()]);
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
  if (refused.length > 0) {
    alerts.show(
      'The link has settings that cannot be used',
      `Ignored: ${refused.join(', ')}. The defaults stand in for them.`,
    );
  }
  if (tooLarge) alerts.error("The link's model does not fit this GPU; the default settings stand in for it", tooLarge);

  const controls = new Controls(session, alerts, stored);
  const chart = new LossChart(session);
  const reconstructions = new Reconstructions();
  const samples = new Samples();
  const plane = new LatentPlane();
  const point = new DecodedPoint();
  const digit = new DrawDigit();
  const kernels = new KernelsPanel(session);
  plane.onMove = (latents) => point.show(latents);
  plane.onEnds = (from, to) => point.interpolate(from, to);
  digit.onEncoded = (mu, logvar) => plane.showEllipse(mu, logvar);
  const columns = [
    [controls.root],
    [plane.root, samples.root],
    [reconstructions.root, chart.root, point.root, digit.root],
  ];
  main.append(
    element('div', { class: 'columns' }, ...columns.map((roots) => element('div', { class: 'column' }, ...roots))),
    kernels.root,
  );
  const views = new Views(session, [reconstructions, samples, point, digit, plane]);
  plane.onPresent = () => views.look('full');
  status.follow(session);
  keepSession(session);
  chart.start();
  views.start();

  // Another link in the same tab is another run; the page's own changes of the hash do not come here.
  addEventListener('hashchange', () => location.reload());
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
    if (dropped.length > 0) void controls.takeFiles(dropped);
  });
}

start().catch((error: unknown) => {
  status.say('not started');
  if (error instanceof Error && error.name === 'NoAdapterError') {
    alerts.show('WebGPU found no usable GPU', error.message, BROWSER_HELP);
  } else alerts.error(error instanceof DataError ? 'MNIST could not be loaded' : 'The page could not start', error);
});
