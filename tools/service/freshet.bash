# Completion for bash. What can follow is asked of the program itself, so it never falls behind.

_freshet_words() {
  # Commands stand in the first column of the list under "Subcommands:", options begin with a dash.
  "$@" --help 2>/dev/null | awk '
    /^[A-Za-z].*:$/ { commands = ($0 ~ /[Ss]ubcommands/) ; next }
    commands && /^  [a-z]/ { print $1 }
    /^ +-/ { n = split($1, names, ","); for (i = 1; i <= n; ++i) print names[i] }'
}

_freshet() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} word words
  local -a command=("${COMP_WORDS[0]}")
  COMPREPLY=()
  case $previous in
    -c|--config|--json|--plot|--settings|--state|--models|--data|--out)
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    --log) words="files stderr" ;;
    --log-format) words="text json" ;;
    --log-level) words="debug info warn error" ;;
  esac
  if [[ -z $words ]]; then
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
      [[ $word == [a-z]* ]] && command+=("$word") || break
    done
    words=$(_freshet_words "${command[@]}")
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  # A file to check, say.
  [[ ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
}

complete -o filenames -F _freshet freshet
