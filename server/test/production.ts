/** The least a production server is given: mail that reaches nobody. Where its secret matters, a test adds one. */
export const PRODUCTION = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://id.example',
  EMAIL_HOST: '127.0.0.1',
  EMAIL_PORT: '2525',
  EMAIL_FROM: 'id@example.com',
}
