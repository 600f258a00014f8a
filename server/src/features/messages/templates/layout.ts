import { Eta } from 'eta/core'
import type { Language } from '../../../kernel/language.ts'
import { isolatesToElements } from './wording.ts'

/** What a mail says, before it is laid out. All of it is plain text. */
export interface Letter {
  readonly language: Language
  readonly subject: string
  /** What a list of mails or a notification shows beside the subject. */
  readonly preview: string
  readonly heading: string
  readonly before: readonly string[]
  readonly code?: string
  /** Shown as a button and, for programs that show none, as an address to copy. The link is absolute, http or https. */
  readonly button?: { readonly label: string; readonly link: string }
  readonly after: readonly string[]
  readonly footer: string
}

// Tables, `align` and `bgcolor` because Outlook lays out by them; every style inline because some programs drop the sheet,
// which therefore holds nothing but the dark colours. No image, nothing to fetch, and no link but the button's.
const LAYOUT = `<!DOCTYPE html>
<html lang="<%= it.language %>" dir="<%= it.direction %>">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title><%= it.subject %></title>
<style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background-color: #15171a !important; }
  .card { background-color: #22252a !important; }
  .ink { color: #f2f3f5 !important; }
  .faint { color: #a9afb8 !important; }
  .code { background-color: #2f343b !important; color: #ffffff !important; }
  .button { background-color: #8ab4f8 !important; color: #15171a !important; }
}
</style>
</head>
<body class="page" bgcolor="#f2f4f7" style="margin:0;padding:0;background-color:#f2f4f7">
<div style="display:none;max-height:0;overflow:hidden;mso-hide:all"><%~ it.line(it.preview) %></div>
<table class="page" role="presentation" dir="<%= it.direction %>" width="100%" cellpadding="0" cellspacing="0" border="0" bgcolor="#f2f4f7" style="background-color:#f2f4f7">
<tr><td align="center" style="padding:24px 12px">
<!--[if mso]><table role="presentation" width="520" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->
<table class="card" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" bgcolor="#ffffff" style="max-width:520px;background-color:#ffffff;border-radius:8px">
<tr><td class="ink" align="<%= it.start %>" style="padding:32px 32px 8px;font-family:Tahoma,Arial,sans-serif;font-size:20px;line-height:30px;font-weight:bold;color:#1b1f24"><%~ it.line(it.heading) %></td></tr>
<% for (const paragraph of it.before) { %>
<tr><td class="ink" align="<%= it.start %>" style="padding:8px 32px;font-family:Tahoma,Arial,sans-serif;font-size:15px;line-height:25px;color:#1b1f24"><%~ it.line(paragraph) %></td></tr>
<% } %>
<% if (it.code !== undefined) { %>
<tr><td align="center" style="padding:16px 32px">
<table role="presentation" cellpadding="0" cellspacing="0" border="0"><tr>
<td class="code" dir="ltr" align="center" bgcolor="#eef1f5" style="padding:14px 24px;font-family:Consolas,Menlo,monospace;font-size:<%= it.codeSize %>px;line-height:40px;letter-spacing:<%= it.codeSpacing %>px;font-weight:bold;background-color:#eef1f5;color:#1b1f24;border-radius:6px"><bdi dir="ltr"><%= it.code %></bdi></td>
</tr></table>
</td></tr>
<% } %>
<% if (it.button !== undefined) { %>
<tr><td align="center" style="padding:16px 32px 8px">
<table role="presentation" cellpadding="0" cellspacing="0" border="0"><tr>
<td class="button" align="center" bgcolor="#1a56b8" style="background-color:#1a56b8;border-radius:6px"><a class="button" href="<%= it.button.link %>" target="_blank" rel="noopener noreferrer" style="display:inline-block;padding:12px 28px;font-family:Tahoma,Arial,sans-serif;font-size:16px;line-height:24px;font-weight:bold;color:#ffffff;text-decoration:none"><%~ it.line(it.button.label) %></a></td>
</tr></table>
</td></tr>
<tr><td class="faint" dir="ltr" align="center" style="padding:0 32px 8px;font-family:Tahoma,Arial,sans-serif;font-size:12px;line-height:20px;word-break:break-all;color:#5d6673"><%= it.button.link %></td></tr>
<% } %>
<% for (const paragraph of it.after) { %>
<tr><td class="ink" align="<%= it.start %>" style="padding:8px 32px;font-family:Tahoma,Arial,sans-serif;font-size:15px;line-height:25px;color:#1b1f24"><%~ it.line(paragraph) %></td></tr>
<% } %>
<tr><td class="faint" align="<%= it.start %>" style="padding:16px 32px 32px;font-family:Tahoma,Arial,sans-serif;font-size:12px;line-height:20px;color:#5d6673"><%~ it.line(it.footer) %></td></tr>
</table>
<!--[if mso]></td></tr></table><![endif]-->
</td></tr>
</table>
</body>
</html>
`

const eta = new Eta()
const template = eta.compile(LAYOUT)

/** The letter as an HTML document, right to left where its language is. Throws at a link that is no http or https one. */
export function layOut(letter: Letter): string {
  if (letter.button && !/^https?:\/\//.test(letter.button.link)) throw new Error('A mail links by http or https alone.')
  const rightToLeft = letter.language === 'fa'
  // On a narrow phone six digits fit large, twelve characters do not.
  const isLong = letter.code !== undefined && letter.code.length > 6
  return eta.render(template, {
    ...letter,
    codeSize: isLong ? 22 : 32,
    codeSpacing: isLong ? 2 : 6,
    direction: rightToLeft ? 'rtl' : 'ltr',
    start: rightToLeft ? 'right' : 'left',
    line: (text: string) => isolatesToElements(eta.config.escapeFunction(text)),
  })
}
