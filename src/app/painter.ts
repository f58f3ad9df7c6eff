import type { Device, ImageSize } from 'webgpu-vae';
import { BufferPool, type Tensor } from 'webgpu-vae/kernels';
import drawImages from './draw_images.wgsl?raw';
import drawPoints from './draw_points.wgsl?raw';

/** Red, green, blue in [0, 1]. */
export type Color = readonly [number, number, number];

/** Something that can be drawn, bound to its tensors; owns its parameters' buffer. */
export interface Drawing {
  pipeline: GPURenderPipeline;
  bindGroup: GPUBindGroup;
  instances: number;
  /** Reads the place from the numbers given; written before drawing. */
  params: GPUBuffer;
}

/** Where a sheet of images goes on a canvas, in its pixels, and in which colours. */
export interface SheetPlace {
  x: number;
  y: number;
  width: number;
  height: number;
  gap: number;
  paper: Color;
  ink: Color;
  /** From 0, all paper, to 1, the default. */
  strength?: number;
}

/** A sheet of images: `columns` × `rows` cells, filled from the left and the top. */
export interface Sheet extends Drawing {
  columns: number;
  rows: number;
  imageColumns: number;
  imageRows: number;
  /** Of a pixel: 1, drawn with ink, or 3, drawn as they are. */
  channels: number;
  count: number;
}

/** How the points of a scatter are shown; lengths in the canvas's pixels. */
export interface PointsPlace {
  /** Pixels per unit; y is negative where z grows upwards. */
  scale: readonly [number, number];
  offset: readonly [number, number];
  radius: number;
  alpha: number;
  axes: readonly [number, number];
  latent: number;
  /** Places of classes, of which `labels` names one for each image. */
  slots: number;
  /** Bit c hides the points of colour c. */
  hidden: readonly [number, number];
  /** At most 64; places beyond are spread over them. */
  colors: readonly Color[];
}

const SHEET_PARAMS_BYTES = 96;
const POINTS_PARAMS_BYTES = 64 + 64 * 16;

/**
 * Draws tensors on canvases without reading them back. One for a device; owns what it makes, `dispose()` frees it.
 */
export class Painter {
  readonly device: Device;
  #pool: BufferPool;
  #format: GPUTextureFormat;
  #images: GPURenderPipeline;
  #points: GPURenderPipeline;

  /** @param format of the canvases: `navigator.gpu.getPreferredCanvasFormat()` */
  constructor(device: Device, format: GPUTextureFormat) {
    this.device = device;
    this.#format = format;
    this.#pool = new BufferPool(device);
    const premultiplied: GPUBlendState = {
      color: { srcFactor: 'one', dstFactor: 'one-minus-src-alpha' },
      alpha: { srcFactor: 'one', dstFactor: 'one-minus-src-alpha' },
    };
    const pipeline = (label: string, code: string): GPURenderPipeline => {
      const module = device.handle.createShaderModule({ label, code });
      return device.handle.createRenderPipeline({
        label,
        layout: 'auto',
        vertex: { module, entryPoint: 'vertex' },
        fragment: { module, entryPoint: 'fragment', targets: [{ format, blend: premultiplied }] },
        primitive: { topology: 'triangle-strip' },
      });
    };
    this.#images = pipeline('draw_images', drawImages);
    this.#points = pipeline('draw_points', drawPoints);
  }

  /** Makes a canvas drawable from this device. */
  attach(canvas: HTMLCanvasElement): GPUCanvasContext {
    const context = canvas.getContext('webgpu');
    if (!context) throw new Error('attach: the canvas gives no WebGPU context: use another canvas');
    context.configure({ device: this.device.handle, format: this.#format, alphaMode: 'premultiplied' });
    return context;
  }

  /**
   * @param pixels (count, imageRows * imageColumns * channels) f32 in [0, 1]
   */
  sheet(
    pixels: Tensor,
    image: ImageSize,
    { columns, rows, count }: { columns: number; rows: number; count: number },
  ): Sheet {
    const params = this.#uniform('sheet', SHEET_PARAMS_BYTES);
    return {
      columns,
      rows,
      imageColumns: image.columns,
      imageRows: image.rows,
      channels: image.channels ?? 1,
      count,
      pipeline: this.#images,
      params,
      instances: 1,
      bindGroup: this.#bind(this.#images, [pixels], params),
    };
  }

  /**
   * @param heads (n, 2 L) f32: μ first
   * @param labels (n) u32: the place of each image's class
   */
  points(heads: Tensor, labels: Tensor): Drawing {
    const params = this.#uniform('points', POINTS_PARAMS_BYTES);
    const bindGroup = this.#bind(this.#points, [heads, labels], params);
    return { pipeline: this.#points, params, instances: labels.shape[0]!, bindGroup };
  }

  placeSheet(sheet: Sheet, canvas: HTMLCanvasElement, place: SheetPlace): void {
    const { columns, rows, imageColumns, imageRows, channels, count } = sheet;
    const { x, y, width, height, gap, paper, ink, strength = 1 } = place;
    const values = [
      canvas.width,
      canvas.height,
      x,
      y,
      width,
      height,
      columns,
      rows,
      imageColumns,
      imageRows,
      gap,
      count,
      channels,
      strength,
    ];
    this.#write(sheet.params, new Float32Array([...values, 0, 0, ...paper, 1, ...ink, 1]));
  }

  placePoints(points: Drawing, canvas: HTMLCanvasElement, place: PointsPlace): void {
    const { scale, offset, radius, alpha, axes, latent, slots, hidden, colors } = place;
    const values = new Float32Array(POINTS_PARAMS_BYTES / 4);
    values.set([canvas.width, canvas.height, ...scale, ...offset, radius, alpha]);
    new Uint32Array(values.buffer, 32, 7).set([...axes, latent, slots, ...hidden, colors.length]);
    for (const [i, color] of colors.entries()) values.set([...color, 1], 16 + 4 * i);
    this.#write(points.params, values);
  }

  /** Draws one after the other on a cleared canvas; `count` limits a drawing's instances. */
  draw(context: GPUCanvasContext, drawings: readonly { drawing: Drawing; count?: number }[]): void {
    this.device.assertAlive();
    const encoder = this.device.handle.createCommandEncoder();
    const view = context.getCurrentTexture().createView();
    const pass = encoder.beginRenderPass({
      colorAttachments: [{ view, loadOp: 'clear', storeOp: 'store', clearValue: { r: 0, g: 0, b: 0, a: 0 } }],
    });
    for (const { drawing, count = drawing.instances } of drawings) {
      pass.setPipeline(drawing.pipeline);
      pass.setBindGroup(0, drawing.bindGroup);
      pass.draw(4, count);
    }
    pass.end();
    this.device.handle.queue.submit([encoder.finish()]);
  }

  dispose(): void {
    this.#pool.dispose();
  }

  #uniform(label: string, sizeBytes: number): GPUBuffer {
    return this.#pool.buffer(`${label} params`, sizeBytes, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
  }

  #bind(pipeline: GPURenderPipeline, tensors: Tensor[], params: GPUBuffer): GPUBindGroup {
    const entries = tensors.map(({ buffer, offsetBytes: offset, sizeBytes: size }, binding) => ({
      binding,
      resource: { buffer, offset, size },
    }));
    return this.device.handle.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [...entries, { binding: tensors.length, resource: { buffer: params } }],
    });
  }

  #write(buffer: GPUBuffer, values: Float32Array<ArrayBuffer>): void {
    this.device.handle.queue.writeBuffer(buffer, 0, values);
  }
}
