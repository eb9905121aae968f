import { expect, it } from 'vitest';

import { devicesUnderTest } from '../support/devices';
import { describeVariants } from '../support/variantTable';

for (const device of devicesUnderTest()) if (device !== 'cpu') describeVariants(device);

it('knows whether there is a GPU to test on', () => {
  expect(devicesUnderTest()[0]).toBe('cpu');
});
