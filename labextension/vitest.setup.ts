import { cleanup } from '@testing-library/react';
import { afterEach } from 'vitest';

/** What JupyterLab's packages ask of a browser at import, and jsdom has not got. */
class NoObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

Object.assign(globalThis, {
  DragEvent: class extends Event {},
  IntersectionObserver: NoObserver,
  ResizeObserver: NoObserver,
  matchMedia: (media: string) => ({
    media,
    matches: false,
    addListener: () => {},
    removeListener: () => {},
    addEventListener: () => {},
    removeEventListener: () => {}
  })
});

// jsdom lays nothing out.
Element.prototype.scrollIntoView = () => {};

afterEach(() => {
  cleanup();
});
