import { element } from './dom.ts';

/**
 * A canvas that WebGPU draws is empty on paper: while the page is printed a copy of what it shows stands in for it.
 * @param draw draws it anew, since what it shows can be copied only right after
 */
export function printable(canvas: HTMLCanvasElement, draw: () => void): void {
  let copy: HTMLCanvasElement | undefined;
  addEventListener('beforeprint', () => {
    copy?.remove();
    if (canvas.width === 0 || canvas.height === 0) return;
    draw();
    copy = element('canvas', { width: canvas.width, height: canvas.height, class: `${canvas.className} printed` });
    copy.setAttribute('aria-hidden', 'true');
    copy.style.aspectRatio = canvas.style.aspectRatio;
    copy.getContext('2d')!.drawImage(canvas, 0, 0);
    canvas.classList.add('unprinted');
    canvas.after(copy);
  });
  addEventListener('afterprint', () => {
    copy?.remove();
    copy = undefined;
    canvas.classList.remove('unprinted');
  });
}
