/** The one style sheet: system fonts, both colour schemes, no state told by colour alone. */
export const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --text: #1b1f24; --faint: #57606a; --line: #d0d7de; --panel: #f6f8fa; --link: #0550ae; --bad: #a40e26; --good: #0f5323 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --text: #e6edf3; --faint: #9198a1; --line: #3d444d; --panel: #151b23; --link: #79c0ff; --bad: #ff9492; --good: #7ee787 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
header, main, footer { max-width: 70rem; margin: 0 auto; padding: 1rem }
header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: baseline; border-bottom: 1px solid var(--line) }
header strong { font-size: 1.25rem }
header nav { display: flex; gap: 1rem }
footer { color: var(--faint); border-top: 1px solid var(--line) }
a { color: var(--link) }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
code, pre, kbd { font: 0.9em/1.5 ui-monospace, monospace }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 0.75rem; overflow-x: auto }
code { overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: 0.35rem 0.75rem 0.35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.scroll { overflow-x: auto }
.numbers { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 0.75rem; padding: 0; list-style: none }
.numbers li { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 0.75rem }
.numbers b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums }
.bad { color: var(--bad) } .good { color: var(--good) } .faint { color: var(--faint) }
details { border-bottom: 1px solid var(--line); padding: 0.35rem 0 }
summary { cursor: pointer }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600 }
`
