/** Settings under which nothing is counted: for tests of something else that ask a lot. */
export const UNLIMITED: Readonly<Record<string, string>> = Object.fromEntries(
  ['ANON', 'USER', 'LOGIN', 'REGISTER', 'REFRESH', 'OTP_SEND', 'OTP_VERIFY', 'RESET'].map((name) => [
    `THROTTLE_${name}`,
    'off',
  ]),
)
