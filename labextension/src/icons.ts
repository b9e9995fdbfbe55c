/**
 * The icons that JupyterLab has not got. All take the colour of what stands around them.
 */
import { LabIcon } from '@jupyterlab/ui-components';

function draw(name: string, content: string): LabIcon {
  return new LabIcon({
    name: `mlops-nb:${name}`,
    svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">${content}</svg>`
  });
}

const stroke =
  'fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"';
const circle = '<circle cx="8" cy="8" r="6.2"/>';

/** The loop, with what runs through it. */
export const mlopsIcon = draw(
  'mlops',
  `<g class="jp-icon3" fill="#616161">
    <path d="M8 1.2a6.8 6.8 0 0 1 6.5 4.8h-1.9A5 5 0 0 0 4 5h1.9v1.7H1.2V2h1.7v1.7A6.8 6.8 0 0 1 8 1.2z"/>
    <path d="M8 14.8A6.8 6.8 0 0 1 1.5 10h1.9a5 5 0 0 0 8.6 1h-1.9V9.3h4.7V14h-1.7v-1.7A6.8 6.8 0 0 1 8 14.8z"/>
    <circle cx="8" cy="8" r="1.9"/>
  </g>`
);

export const finishedIcon = draw(
  'finished',
  `<g ${stroke}>${circle}<path d="M5.2 8.2l2 2 3.7-4.2"/></g>`
);
export const failedIcon = draw(
  'failed',
  `<g ${stroke}>${circle}<path d="M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4"/></g>`
);
export const activeIcon = draw(
  'active',
  `<g ${stroke}><path d="M14.2 8a6.2 6.2 0 1 1-3-5.3"/></g><circle cx="8" cy="8" r="2" fill="currentColor"/>`
);
export const killedIcon = draw(
  'killed',
  `<g ${stroke}>${circle}<path d="M3.8 12.2l8.4-8.4"/></g>`
);
export const unknownIcon = draw(
  'unknown',
  `<g ${stroke}>${circle}<path d="M6.3 6.3a1.8 1.8 0 1 1 2.6 1.7c-.6.3-.9.7-.9 1.3M8 11.5v.01"/></g>`
);
export const skippedIcon = draw(
  'skipped',
  `<g ${stroke}>${circle}<path d="M5 8h6"/></g>`
);
export const pausedIcon = draw(
  'paused',
  `<g ${stroke}>${circle}<path d="M6.3 5.7v4.6M9.7 5.7v4.6"/></g>`
);
export const resumeIcon = draw(
  'resume',
  '<path class="jp-icon3" fill="#616161" d="M3 3h2v10H3zM7 3l7 5-7 5z"/>'
);
export const scheduleIcon = draw(
  'schedule',
  `<g class="jp-icon3" fill="#616161"><path d="M8 1.2a6.8 6.8 0 1 0 0 13.6A6.8 6.8 0 0 0 8 1.2zm0 1.5a5.3 5.3 0 1 1 0 10.6A5.3 5.3 0 0 1 8 2.7z"/><path d="M7.3 4.2h1.5v3.6l2.7 1.6-.8 1.2-3.4-2z"/></g>`
);
export const detailsIcon = draw(
  'details',
  '<path class="jp-icon3" fill="#616161" d="M3 1.5h10v13H3zM4.5 3v10h7V3zM5.5 4.5h5v1.300h-5zm0 2.600h5v1.300h-5zm0 2.600h3.200v1.300H5.5z"/>'
);
export const reportIcon = draw(
  'report',
  '<path class="jp-icon3" fill="#616161" d="M2 2h1.500v10.500H14V14H2zM5 7.500h2v4H5zM8.200 4.500h2v7h-2zM11.400 6h2v5.500h-2z"/>'
);
