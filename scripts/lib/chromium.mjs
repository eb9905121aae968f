/** How a headless Chromium is started for tests. */

import { Failure, which } from './run.mjs';

/** Options for `chromium.launch` of playwright-core. */
export function chromiumOptions() {
  const executablePath = process.env.LONGSIGHT_CHROMIUM || which('chromium') || which('google-chrome');
  if (executablePath === undefined)
    throw new Failure('No chromium was found on PATH; install the package chromium.');
  const args = [
    ...[
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
    ],
    ...['--disable-component-update', '--disable-sync', '--force-color-profile=srgb'],
  ];
  return { executablePath, args, timeout: 120_000 };
}
