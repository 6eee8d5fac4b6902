//! Opens a file at a line in the learner's editor.
//!
//! The first of these that is set decides:
//!
//! 1. `$LESSON_EDITOR`, a command with `{file}` and `{line}` in it: `myeditor --at {line} {file}`,
//! 2. `$VISUAL`, then `$EDITOR`, with the line in the way that the program takes it; see [`EDITORS`],
//! 3. the editor in whose terminal this runs: VS Code and its kin, a JetBrains editor, Zed.

use std::path::Path;
use std::process::Command;

/// How an editor is told file and line: names of its program, its arguments, and whether it runs in the terminal.
pub const EDITORS: [(&[&str], &[&str], bool); 9] = [
    (
        &[
            "vi", "vim", "nvim", "view", "nano", "pico", "micro", "kak", "joe", "ne", "jed", "mg",
        ],
        &["+{line}", "{file}"],
        true,
    ),
    (&["hx", "helix"], &["{file}:{line}"], true),
    (&["emacs", "emacsclient"], &["+{line}", "{file}"], true),
    (
        &["gvim", "mvim", "gedit", "gnome-text-editor"],
        &["+{line}", "{file}"],
        false,
    ),
    (&["kate", "kwrite"], &["--line", "{line}", "{file}"], false),
    (
        &[
            "code",
            "code-insiders",
            "codium",
            "code-oss",
            "cursor",
            "windsurf",
            "positron",
        ],
        &["--goto", "{file}:{line}"],
        false,
    ),
    (&["subl", "zed", "zeditor", "lapce"], &["{file}:{line}"], false),
    (
        &[
            "rustrover",
            "rustrover64",
            "idea",
            "idea64",
            "clion",
            "clion64",
            "pycharm",
            "pycharm64",
            "fleet",
        ],
        &["--line", "{line}", "{file}"],
        false,
    ),
    (&["notepad++"], &["-n{line}", "{file}"], false),
];

/// An editor, and how it is told what to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Editor {
    program: String,
    arguments: Vec<String>,
    /// It takes the terminal until it ends.
    pub in_terminal: bool,
}

impl Editor {
    /// The learner's, if one is known. `variable` gives the environment's variables.
    pub fn find(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        if let Some(template) = set("LESSON_EDITOR") {
            return Self::parse(&template, true);
        }
        if let Some(command) = set("VISUAL").or_else(|| set("EDITOR")) {
            return Self::parse(&command, false);
        }
        let host = match (set("TERM_PROGRAM").as_deref(), set("TERMINAL_EMULATOR").as_deref()) {
            (Some("vscode"), _) if set("CURSOR_TRACE_ID").is_some() => "cursor",
            (Some("vscode"), _) => "code",
            (Some("zed"), _) => "zed",
            (_, Some("JetBrains-JediTerm")) => "rustrover",
            _ => return None,
        };
        Self::parse(host, false)
    }

    /// A command as people write it into a variable: words, and quotes around those with spaces.
    fn parse(command: &str, is_template: bool) -> Option<Self> {
        let mut words = words(command).into_iter();
        let program = words.next()?;
        let mut arguments: Vec<String> = words.collect();
        let stem = program.rsplit(['/', '\\']).next().unwrap_or(&program).to_lowercase();
        let stem = [".exe", ".cmd", ".sh"]
            .iter()
            .find_map(|end| stem.strip_suffix(end))
            .unwrap_or(&stem);
        let known = EDITORS.iter().find(|(names, ..)| names.contains(&stem));
        let is_told = arguments.iter().any(|argument| argument.contains("{file}"));
        if !(is_template && is_told) {
            let template: &[&str] = known.map_or(&["{file}"], |(_, template, _)| template);
            arguments.extend(template.iter().map(|argument| argument.to_string()));
        }
        let has_window = arguments
            .iter()
            .any(|argument| argument == "-g" && stem.starts_with("vi"));
        Some(Self {
            in_terminal: known.is_none_or(|(.., in_terminal)| *in_terminal) && !has_window,
            program,
            arguments,
        })
    }

    /// What opens a file at a line.
    pub fn command(&self, file: &Path, line: usize) -> Command {
        let (file, line) = (file.display().to_string(), line.to_string());
        let filled = self
            .arguments
            .iter()
            .map(|argument| argument.replace("{file}", &file).replace("{line}", &line));
        let mut command = Command::new(&self.program);
        command.args(filled);
        command
    }

    /// Its program.
    pub fn program(&self) -> &str {
        &self.program
    }
}

fn words(command: &str) -> Vec<String> {
    let mut words = vec![];
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command line for `src/f.rs` at line 7, with these variables.
    fn line(variables: &[(&str, &str)]) -> Option<(String, bool)> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.to_string())
        };
        let editor = Editor::find(variable)?;
        let command = editor.command(Path::new("src/f.rs"), 7);
        let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
        let words: Vec<_> = [editor.program.clone()].into_iter().chain(words).collect();
        Some((words.join(" "), editor.in_terminal))
    }

    #[track_caller]
    fn opens(variables: &[(&str, &str)], expected: &str, in_terminal: bool) {
        assert_eq!(line(variables), Some((expected.to_string(), in_terminal)));
    }

    #[test]
    fn each_editor_is_told_the_line_in_its_own_way() {
        opens(&[("EDITOR", "vim")], "vim +7 src/f.rs", true);
        opens(&[("EDITOR", "/usr/bin/nano -w")], "/usr/bin/nano -w +7 src/f.rs", true);
        opens(&[("EDITOR", "hx")], "hx src/f.rs:7", true);
        opens(&[("EDITOR", "code --wait")], "code --wait --goto src/f.rs:7", false);
        opens(&[("EDITOR", "emacsclient -nw")], "emacsclient -nw +7 src/f.rs", true);
        opens(
            &[("EDITOR", "rustrover64.exe")],
            "rustrover64.exe --line 7 src/f.rs",
            false,
        );
        opens(
            &[("EDITOR", "'/opt/my editor/subl' -n")],
            "/opt/my editor/subl -n src/f.rs:7",
            false,
        );
        opens(&[("EDITOR", "unheard-of")], "unheard-of src/f.rs", true);
    }

    #[test]
    fn the_first_that_is_set_decides() {
        let all = [
            ("LESSON_EDITOR", "ed -p {line} {file}"),
            ("VISUAL", "code"),
            ("EDITOR", "vi"),
            ("TERM_PROGRAM", "zed"),
        ];
        opens(&all, "ed -p 7 src/f.rs", true);
        opens(&all[1..], "code --goto src/f.rs:7", false);
        opens(&all[2..], "vi +7 src/f.rs", true);
        opens(&all[3..], "zed src/f.rs:7", false);
        opens(&[("VISUAL", " "), ("EDITOR", "vi")], "vi +7 src/f.rs", true);
        opens(&[("TERM_PROGRAM", "vscode")], "code --goto src/f.rs:7", false);
        opens(
            &[("TERMINAL_EMULATOR", "JetBrains-JediTerm")],
            "rustrover --line 7 src/f.rs",
            false,
        );
        assert_eq!(line(&[("TERM_PROGRAM", "iTerm.app")]), None);
    }
}
