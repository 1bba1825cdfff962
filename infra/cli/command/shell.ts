export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

// Each script hands the words up to the cursor to `muster complete`, which answers a candidate a line.
const SCRIPTS: Record<Shell, string> = {
  bash: `_muster() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _muster muster ./muster
`,
  zsh: `#compdef muster ./muster
_muster() {
  local -a candidates
  candidates=("\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a candidates
}
compdef _muster muster ./muster
`,
  fish: `function __muster_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] complete -- $words[2..-1] 2>/dev/null
end
complete -c muster -f -a '(__muster_complete)'
`,
}

/** The script that a shell evaluates: \`eval "$(muster completion bash)"\`. */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell]
}
