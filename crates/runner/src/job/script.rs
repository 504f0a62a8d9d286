//! Shell text for a job's script lines.
//!
//! All lines of a step run in one shell that stops at the first failure, each echoed before it
//! runs. Works in `bash` and in a plain `sh`.

/// Bold green, as the public runner shows commands.
const COMMAND_COLOR: &str = "\x1b[32;1m";
/// Ends a color.
const RESET: &str = "\x1b[0;m";

/// Returns the text of a script that runs `lines`, which see `variables` although programs do not.
pub(super) fn step(variables: &[(&str, &str)], lines: &[String], shell: &str, trace: bool) -> String {
    let mut text = prelude(shell);
    for (name, value) in variables.iter().filter(|(name, _)| is_name(name)) {
        text.push_str(&format!("{name}={}\n", quote(value)));
    }
    if trace {
        text.push_str("set -o xtrace\n");
    }
    for line in lines {
        text.push_str(&echo(line));
        text.push_str(line.trim_end_matches(['\r', '\n']));
        text.push('\n');
    }
    text
}

/// Returns what every script begins with: stop at failures, take over what earlier steps exported.
pub(super) fn prelude(shell: &str) -> String {
    // Not every `sh` knows `pipefail`, and one that does not would end here.
    let pipefail = if shell == "bash" {
        "set -o pipefail"
    } else {
        "if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi"
    };
    format!("set -e\n{pipefail}\n{TAKE_OVER}")
}

/// Whether a shell can have a variable of this name.
fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

/// Exports what earlier steps wrote to `$GITLAB_ENV`.
const TAKE_OVER: &str = "if [ -s \"$GITLAB_ENV\" ]; then\n\
     while IFS= read -r tripline_line || [ -n \"$tripline_line\" ]; do\n\
     case \"$tripline_line\" in [A-Za-z_]*=*) export \"$tripline_line\" ;; esac\n\
     done < \"$GITLAB_ENV\"\n\
     unset tripline_line\n\
     fi\n";

/// Returns `text` as one word of a shell.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn echo(line: &str) -> String {
    let line = line.trim_end();
    let shown = match line.split_once('\n') {
        Some((first, _)) => format!("{first} # collapsed multi-line command"),
        None => line.to_owned(),
    };
    format!(
        "printf '%s\\n' {}\n",
        quote(&format!("{COMMAND_COLOR}$ {shown}{RESET}"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_echoed_on_one_line_and_quotes_are_safe() {
        assert_eq!(
            echo("echo 'a'"),
            "printf '%s\\n' '\x1b[32;1m$ echo '\\''a'\\''\x1b[0;m'\n"
        );
        assert!(echo("if x\nthen y\nfi\n").contains("$ if x # collapsed multi-line command\x1b"));
    }
}
