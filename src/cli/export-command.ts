import { Command } from 'commander';
import { UsageError } from './errors.ts';
import { oneOf, option, text } from './options.ts';

/** What a model is handed over as. */
export type ExportFormat = 'onnx' | 'html' | 'safetensors-f16' | 'safetensors-f32';

/** What `webgpu-vae export` was asked for. */
export interface ExportSettings {
  model: string;
  /** A folder for ONNX, a file for the others. */
  out: string;
  format: ExportFormat;
  force: boolean;
}

interface ExportOptions {
  model: string;
  out: string;
  onnx?: boolean;
  html?: boolean;
  safetensors?: 'f16' | 'f32';
  force?: boolean;
}

/** `export` with its options: exactly one of the formats. */
export function exportCommand(run: (settings: ExportSettings) => Promise<void>): Command {
  return new Command('export')
    .summary('hand a trained model over: ONNX, a web page, safetensors')
    .description(
      'Writes a trained model for other programs: encoder.onnx and decoder.onnx, a page that decodes the latent plane in any browser, or its weights. Needs no GPU.',
    )
    .addOption(option('--model <path>', "a run's folder, a model's file or a checkpoint", text).makeOptionMandatory())
    .addOption(
      option('--out <path>', 'what to write: a file, for --onnx a new or empty folder', text).makeOptionMandatory(),
    )
    .option('--onnx', 'encoder.onnx and decoder.onnx (default: off)')
    .option('--html', 'a page without anything around it (default: off)')
    .addOption(
      option('--safetensors <type>', 'the weights as f16 or f32 (default: off)', oneOf(['f16', 'f32'] as const)),
    )
    .option('--force', 'replace the file if there is one (default: off)')
    .action(async ({ model, out, onnx, html, safetensors, force }: ExportOptions) => {
      const formats = [
        ...(onnx ? ['onnx' as const] : []),
        ...(html ? ['html' as const] : []),
        ...(safetensors ? [`safetensors-${safetensors}` as const] : []),
      ];
      const [format] = formats;
      if (format === undefined || formats.length > 1) {
        throw new UsageError(
          `export: expected one of --onnx, --html and --safetensors, got ${formats.length}: give one`,
        );
      }
      await run({ model, out, format, force: force === true });
    });
}
