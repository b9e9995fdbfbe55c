import { defineConfig } from 'vitest/config';

const NOISE = [
  'Clipboard API not available',
  'Invalid access: Add Yjs type',
  'Showing error:'
];

export default defineConfig({
  test: {
    environment: 'jsdom',
    include: ['src/**/*.spec.{ts,tsx}'],
    setupFiles: ['./vitest.setup.ts'],
    // Said at import, by the shared model of every cell, and with a message of an error, in
    // JupyterLab too.
    onConsoleLog: text => !NOISE.some(noise => text.startsWith(noise)),
    // These packages hold ES modules without file extensions, which Node itself can't load.
    server: { deps: { inline: [/@jupyter/, /@lumino/, /@microsoft/] } }
  }
});
