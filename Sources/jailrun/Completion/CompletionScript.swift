/// What a shell reads to complete command lines of jailrun. It asks the program itself, so none of them knows a verb.
struct CompletionScript {
    let text: String

    init?(_ shell: String) {
        switch shell {
        case "bash": text = Self.bash
        case "zsh": text = Self.zsh
        case "fish": text = Self.fish
        default: return nil
        }
    }

    /// `=` is a word of its own in bash.
    private static let bash = #"""
        # bash completion of jailrun(8)
        _jailrun() {
            local current=${COMP_WORDS[COMP_CWORD]} word line files=none
            local -a before=() found=()
            for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ $word == = ]] || before+=("$word"); done
            [[ $current == = ]] && current=
            while IFS= read -r line; do
                case $line in
                :*) files=${line#:} ;;
                *) found+=("${line%%$'\t'*}") ;;
                esac
            done < <("${COMP_WORDS[0]}" __complete "${before[@]}" "$current" 2>/dev/null)
            case $files in
            configurations) _jailrun_files -f -X '!*.conf' ;;
            directories) _jailrun_files ;;
            command) mapfile -t found < <(compgen -c -- "$current") ;;
            esac
            COMPREPLY=("${found[@]}")
            [[ ${#found[@]} == 1 && ${found[0]} == */ ]] && compopt -o nospace
        }

        # Adds folders, which end in a slash, and the files that compgen finds with its arguments.
        _jailrun_files() {
            local path
            while IFS= read -r path; do found+=("$path/"); done < <(compgen -d -- "$current")
            (($#)) || return
            while IFS= read -r path; do [[ -d $path ]] || found+=("$path"); done < <(compgen "$@" -- "$current")
        }

        complete -F _jailrun jailrun

        """#

    private static let zsh = #"""
        #compdef jailrun
        # zsh completion of jailrun(8)
        _jailrun() {
            local line files
            local -a found
            for line in "${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT-1]}" "${words[CURRENT]}" 2>/dev/null)}"; do
                case $line in
                :*) files=${line#:} ;;
                *$'\t'*) found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
                ?*) found+=("${line//:/\\:}") ;;
                esac
            done
            (( $#found )) && _describe jailrun found
            case $files in
            configurations) _files -g '*.conf' ;;
            directories) _files -/ ;;
            command) _command_names -e ;;
            esac
        }

        if [ "$funcstack[1]" = _jailrun ]; then _jailrun "$@"; else compdef _jailrun jailrun; fi

        """#

    private static let fish = #"""
        # fish completion of jailrun(8)
        function __jailrun_complete
            set -l words (commandline -opc)
            set -l current (commandline -ct)
            for line in ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
                switch $line
                    case ':configurations'
                        __fish_complete_suffix .conf
                    case ':directories'
                        __fish_complete_directories "$current"
                    case ':command'
                        __fish_complete_command
                    case ':*'
                    case '*'
                        printf '%s\n' $line
                end
            end
        end

        complete -c jailrun -f -k -a '(__jailrun_complete)'

        """#
}
