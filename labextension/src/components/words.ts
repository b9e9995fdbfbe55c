/**
 * Instants, durations and numbers in the reader's language.
 */
import type { Numeric } from '../api';

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60]
];

/** The language of the page, as far as the browser knows it. */
export function language(): string | undefined {
  const { lang } = document.documentElement;
  return lang && Intl.DateTimeFormat.supportedLocalesOf(lang).length > 0
    ? lang
    : undefined;
}

/** "5 minutes ago", "in 3 days". */
export function relative(instant: Date, now: Date): string {
  const seconds = (instant.getTime() - now.getTime()) / 1000;
  const format = new Intl.RelativeTimeFormat(language(), { numeric: 'auto' });
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) {
      return format.format(Math.trunc(seconds / length), unit);
    }
  }
  return seconds > 0
    ? format.format(1, 'minute') // It has not come yet, however near it is.
    : format.format(0, 'second');
}

/** "Dec 1, 2026, 6:00 AM GMT+1", on the clock of a time zone, the browser's unless given. */
export function absolute(instant: Date, timeZone?: string): string {
  const options: Intl.DateTimeFormatOptions = {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
    timeZoneName: 'short'
  };
  try {
    return instant.toLocaleString(language(), { ...options, timeZone });
  } catch {
    return instant.toLocaleString(language(), options); // A zone that this browser doesn't know.
  }
}

/** Four significant digits, but never less than the whole; infinities and NaN as they are. */
export function figure(value: Numeric): string {
  if (typeof value === 'string') {
    return value.replace('Infinity', '∞').replace('-', '−');
  }
  return value.toLocaleString(
    language(),
    Math.abs(value) < 1000
      ? { maximumSignificantDigits: 4 }
      : { maximumFractionDigits: 0 }
  );
}

/** The last part of a path, of whichever system. */
export function basename(path: string): string {
  return path.split(/[\\/]/).pop() ?? path;
}
