import { element, saveFile } from './dom.ts';
import { type Theme, theme } from './theme.ts';

/** Wide enough for a slide or a page of paper. */
const WIDTH = 1600;
const MARGIN = 48;
const FONT = 'system-ui, sans-serif';
const TITLE_PX = 44;
const TEXT_PX = 26;

/** What a colour or a kind of line stands for. */
export interface LegendItem {
  text: string;
  color: string;
  /** A point by default. */
  mark?: 'line' | 'dashes';
}

/** A picture of what a view shows, to stand on its own: with a title, what it is of, and a legend. */
export interface PictureFile {
  /** Of the file. */
  name: string;
  title: string;
  /** Below the title. */
  lines: readonly string[];
  /** Below the picture. */
  legend: readonly LegendItem[];
  /** Of the picture itself, `width` wide. */
  height(width: number): number;
  /** The picture itself, as large as asked for; what it shows need not last. */
  render(width: number, height: number): CanvasImageSource | Promise<CanvasImageSource>;
}

/** Saves a PNG, 1600 pixels wide. */
export async function savePicture(picture: PictureFile): Promise<void> {
  const width = WIDTH - 2 * MARGIN;
  const height = Math.round(picture.height(width));
  const colors = theme();
  const sheet = element('canvas', {});
  const context = sheet.getContext('2d')!;
  context.font = `${TEXT_PX}px ${FONT}`;
  const lines = picture.lines.flatMap((line) => wrapped(context, line, width));
  const rows = legendRows(context, picture.legend, width);
  const lineHeight = 1.45 * TEXT_PX;
  const top = MARGIN + 1.35 * TITLE_PX + lines.length * lineHeight + 0.5 * lineHeight;
  sheet.width = WIDTH;
  sheet.height = Math.round(
    top + height + (rows.length > 0 ? 0.5 * lineHeight : 0) + rows.length * lineHeight + MARGIN,
  );

  context.fillStyle = colors.background;
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.textBaseline = 'top';
  context.fillStyle = colors.text;
  context.font = `bold ${TITLE_PX}px ${FONT}`;
  context.fillText(picture.title, MARGIN, MARGIN);
  context.fillStyle = colors.faint;
  context.font = `${TEXT_PX}px ${FONT}`;
  for (const [i, line] of lines.entries()) context.fillText(line, MARGIN, MARGIN + 1.35 * TITLE_PX + i * lineHeight);
  // Drawn in the same task: what a WebGPU canvas shows can be copied only right after.
  const body = picture.render(width, height);
  context.drawImage(body instanceof Promise ? await body : body, MARGIN, top, width, height);
  for (const [i, row] of rows.entries())
    drawLegend(context, row, top + height + 0.5 * lineHeight + i * lineHeight, colors);
  sheet.toBlob((blob) => {
    if (blob) saveFile(picture.name, blob, 'image/png');
  }, 'image/png');
}

function wrapped(context: CanvasRenderingContext2D, text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
    if (lines.length > 0 && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

const MARK_PX = 40;
const GAP_PX = 36;

type PlacedItem = LegendItem & { x: number };

function legendRows(context: CanvasRenderingContext2D, legend: readonly LegendItem[], width: number): PlacedItem[][] {
  const rows: PlacedItem[][] = [];
  let x = width;
  for (const item of legend) {
    const needed = MARK_PX + context.measureText(item.text).width;
    if (rows.length === 0 || x + needed > width) {
      rows.push([]);
      x = 0;
    }
    rows.at(-1)!.push({ ...item, x: MARGIN + x });
    x += needed + GAP_PX;
  }
  return rows;
}

function drawLegend(context: CanvasRenderingContext2D, row: readonly PlacedItem[], y: number, colors: Theme): void {
  const middle = y + TEXT_PX / 2;
  for (const { text, color, mark, x } of row) {
    context.fillStyle = color;
    context.strokeStyle = color;
    context.lineWidth = 4;
    context.setLineDash(mark === 'dashes' ? [9, 6] : []);
    context.beginPath();
    if (mark) {
      context.moveTo(x, middle);
      context.lineTo(x + MARK_PX - 10, middle);
      context.stroke();
    } else {
      context.arc(x + 12, middle, 10, 0, 2 * Math.PI);
      context.fill();
    }
    context.fillStyle = colors.text;
    context.fillText(text, x + MARK_PX, y);
  }
  context.setLineDash([]);
}
