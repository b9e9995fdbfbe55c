/**
 * The commands' ids. A verb has the same name behind every door; commands carry the prefix `mlops:`.
 */
export { TRACK } from './track';

export const OPEN_SIDEBAR = 'mlops:open-sidebar';
export const REFRESH = 'mlops:refresh';
export const SHOW = 'mlops:show';
export const SHOW_JOB = 'mlops:jobs:show';
export const OPEN_EXECUTED = 'mlops:open-executed';
export const OPEN_REPORT = 'mlops:open-report';
export const SCHEDULE = 'mlops:schedule';
export const RUN_JOB = 'mlops:jobs:run';
export const PAUSE_JOB = 'mlops:jobs:pause';
export const RESUME_JOB = 'mlops:jobs:resume';
export const REMOVE_JOB = 'mlops:jobs:remove';
