import type { Command } from './command.ts'
import { verifyAudit } from './audit.ts'
import { backup } from './backup.ts'
import { createAdmin } from './create-admin.ts'
import { doctor } from './doctor.ts'
import { listKeys, rotate } from './keys.ts'
import { migrate } from './migrate.ts'
import { importPasswords } from './passwords.ts'
import { rekeySecret } from './rekey.ts'
import { restore } from './restore.ts'
import { serveCommand } from './serve.ts'
import { smsReport } from './sms.ts'
import { activateUser, deactivateUser, endSessions, removeFactor, resetUser, unlock } from './users.ts'
import { workerCommand } from './worker.ts'

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [
  serveCommand,
  workerCommand,
  migrate,
  backup,
  restore,
  createAdmin,
  listKeys,
  rotate,
  rekeySecret,
  unlock,
  resetUser,
  removeFactor,
  deactivateUser,
  activateUser,
  endSessions,
  importPasswords,
  verifyAudit,
  smsReport,
  doctor,
]
