import type { DriverOf } from '../connection/connection.ts';
import { type CloseCause, causeOf } from '../protocol/close-info.ts';
import type { Admission } from './admission/admission.ts';
import type { ServerReports } from './server-reports.ts';

/** Ends that the option `violationLimit` counts. */
const VIOLATIONS: ReadonlySet<CloseCause> = new Set<CloseCause>(['protocol-error', 'invalid-utf8']);

/** The server that counts violations. */
export interface CountingServer<UserData> {
  readonly admission: Pick<Admission, 'violated'>;
  readonly reports: Pick<ServerReports<UserData>, 'addressRefused' | 'handlerFailed'>;
}

/** Counts a connection that begins to close for its address, if its peer has broken the protocol. */
export function countViolation<UserData>(
  { admission, reports }: CountingServer<UserData>,
  driver: DriverOf<UserData>,
): void {
  const { failure } = driver.link.core;
  if (failure === undefined || !VIOLATIONS.has(causeOf(failure.code))) return;
  try {
    if (admission.violated(driver.remoteAddress)) reports.addressRefused(driver.remoteAddress);
  } catch (error) {
    reports.handlerFailed(error, driver, 'the function exemptAddresses');
  }
}
