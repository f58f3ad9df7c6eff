/** The text of a shader file of this folder, bundled by Vite. */
export declare function loadShader(file: string): string;
