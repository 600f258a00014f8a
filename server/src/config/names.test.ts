import { describe, expect, it } from 'vitest'
import { namedIn, problemsOf } from '../../test/settings.ts'
import { editDistance, KNOWN_NAMES, nearMiss, suggestion } from './names.ts'

/** What shells, desktops, CI, containers and other programs leave in an environment. */
const USUAL_NAMES = `
  HOME HOSTNAME HOSTTYPE LOGNAME USER USERNAME EMAIL MAIL MAILCHECK PATH PWD OLDPWD SHELL SHLVL TERM TMPDIR TZ LANG LC_ALL
  LANGUAGE EDITOR VISUAL PAGER LESS COLORTERM COLUMNS LINES DISPLAY XDG_DATA_DIRS XDG_DATA_HOME XDG_RUNTIME_DIR CACHE_DIR
  SSH_AUTH_SOCK SSH_CONNECTION TIME_STYLE LS_COLORS INVOCATION_ID JOURNAL_STREAM NOTIFY_SOCKET STATE_DIRECTORY LOGS_DIRECTORY
  CONFIGURATION_DIRECTORY CREDENTIALS_DIRECTORY NODE NODE_OPTIONS NODE_PATH NODE_VERSION NODE_EXTRA_CA_CERTS NODE_DEBUG
  NODE_NO_WARNINGS INIT_CWD npm_config_user_agent npm_package_name npm_lifecycle_event npm_execpath npm_config_node_gyp
  YARN_VERSION CI GITHUB_TOKEN GITHUB_ACTIONS GITHUB_REF GITHUB_SERVER_URL RUNNER_TEMP GITLAB_CI CI_PROJECT_NAME BUILD_ID
  PROJECT_NAME APP_NAME APP_ENV APP_URL APP_KEY APP_DEBUG APP_PORT BASE_URL SERVER_URL SERVICE_NAME HTTP_PROXY HTTPS_PROXY
  NO_PROXY http_proxy no_proxy ALL_PROXY KUBERNETES_PORT KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT POD_IP
  KUBERNETES_PORT_443_TCP_ADDR DOCKER_HOST COMPOSE_PROJECT_NAME POSTGRES_HOST POSTGRES_PORT POSTGRES_USER POSTGRES_PASSWORD
  POSTGRES_DB PGHOST PGPORT PGDATA MYSQL_HOST DATABASE_URI DATABASE_NAME DATABASE_USER DB_HOST REDIS_URI REDIS_HOST REDIS_PORT
  RABBITMQ_URL SMTP_HOST SMTP_PORT SMTP_USER SMTP_PASSWORD SMTP_FROM MAILGUN_API_KEY SENDGRID_API_KEY TWILIO_AUTH_TOKEN
  AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN GOOGLE_APPLICATION_CREDENTIALS
  DJANGO_SETTINGS_MODULE DJANGO_SECRET_KEY PYTHONPATH PYTHONUNBUFFERED VIRTUAL_ENV CONDA_PREFIX JAVA_HOME GOPATH RUST_LOG
  SENTRY_DSN OTEL_SERVICE_NAME OTEL_EXPORTER_OTLP_ENDPOINT DYNO RENDER FLY_APP_NAME VERCEL_URL JWT_SECRET JWT_SECRET_KEY
  SECRET_KEY_BASE SECRET_ID ROOT_URL SSL_CERT_FILE SSL_CERT_DIR META_DIR DATA_PATH POST HOTS PORTS DEBUGS XHOST DEBUG_PORT
`.match(/\S+/g)!

describe('an unknown name in the environment', () => {
  it('is somebody else’s, as far as a usual environment goes', () => {
    expect(namedIn(Object.fromEntries(USUAL_NAMES.map((name) => [name, 'anything'])))).toEqual([])
  })

  it.each([
    ['EMIAL_HOST', 'EMAIL_HOST'],
    ['EMAILHOST', 'EMAIL_HOST'],
    ['EMAIL_HOST_PASWORD', 'EMAIL_HOST_PASSWORD'],
    ['EMAIL_HOST_PASSWORD_FIEL', 'EMAIL_HOST_PASSWORD_FILE'],
    ['KAVENEGAR_APIKEY', 'KAVENEGAR_API_KEY'],
    ['KAVENEGER_API_KEYS', 'KAVENEGAR_API_KEY'],
    ['SECRETKEY', 'SECRET_KEY'],
    ['secret_key', 'SECRET_KEY'],
    ['ALLOWED_HOST', 'ALLOWED_HOSTS'],
    ['TRUSTED_PROXYS', 'TRUSTED_PROXIES'],
    ['TIMEZONE', 'TIME_ZONE'],
    ['OTP_EXPIRE_MINUTES', 'OTP_EXPIRY_MINUTES'],
    ['THROTTLE_LOGINS', 'THROTTLE_LOGIN'],
    ['PUBLIC_URI', 'PUBLIC_URL'],
  ])('%s nearly misses %s and is named', (name, meant) => {
    expect(problemsOf({ [name]: 'x' })).toEqual([
      { setting: name, message: `in the environment is no setting: did you mean ${meant}?` },
    ])
  })

  it('is not named while it is empty', () => {
    expect(namedIn({ EMIAL_HOST: '' })).toEqual([])
  })

  it('is none of ours', () => {
    expect(KNOWN_NAMES.filter((name) => nearMiss(name) !== undefined)).toEqual([])
  })
})

describe('an unknown name in .env', () => {
  it.each([
    ['EMIAL_HOST', 'EMAIL_HOST'],
    ['HOTS', 'HOST'],
    ['PROT', 'PORT'],
    ['TRUSTED_PROXY', 'TRUSTED_PROXIES'],
    ['DJANGO_SECRET_KEY', 'SECRET_KEY'],
  ])('%s is named with the one that was meant, %s', (name, meant) => {
    expect(problemsOf({}, `${name}=x`)).toEqual([
      { setting: name, message: `in .env is no setting: did you mean ${meant}?` },
    ])
  })

  it.each(['POSTGRES_DB', 'FOO', 'X'])('%s, like nothing of ours, is named all the same', (name) => {
    expect(suggestion(name)).toBeUndefined()
    expect(namedIn({}, `${name}=x`)).toEqual([name])
  })

  it('is named even while it is empty', () => {
    expect(namedIn({}, 'EMIAL_HOST=')).toEqual(['EMIAL_HOST'])
  })
})

describe('the distance between two words', () => {
  it.each([
    ['', 'abc', 3],
    ['abc', 'abc', 0],
    ['abc', 'acb', 1],
    ['ab', 'ba', 1],
    ['kitten', 'sitting', 3],
    ['ca', 'abc', 3],
  ])('from %s to %s is %i', (a, b, edits) => {
    expect(editDistance(a, b)).toBe(edits)
  })
})
