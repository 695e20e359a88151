//! A conversation as one text, and back: where each turn begins and ends.

use domain::chat::Role;

/// How a family takes a conversation.
#[derive(Clone, Copy)]
pub enum Layout {
    /// The last message, the history before it and a preamble, each in a field.
    History,
    /// One text.
    Text(&'static Template),
}

/// The marks around turns.
pub struct Template {
    pub begin: &'static str,
    pub system: (&'static str, &'static str),
    pub user: (&'static str, &'static str),
    pub assistant: (&'static str, &'static str),
    /// What asks for the answer.
    pub cue: &'static str,
    /// The system text stands inside the first user turn.
    pub system_in_user: bool,
    /// One user turn alone is written without marks.
    pub bare: bool,
    /// Marks that stand anywhere and say nothing.
    pub tokens: &'static [&'static str],
}

const NONE: Template = Template {
    begin: "",
    system: ("", "\n"),
    user: ("\nUser: ", ""),
    assistant: ("\nBot:", ""),
    cue: "\nBot:",
    system_in_user: false,
    bare: true,
    tokens: &[],
};

/// For families without marks of their own.
pub static BARE: Template = Template { assistant: ("\nAssistant:", ""), cue: "\nAssistant:", ..NONE };
pub static TITAN: Template = NONE;
pub static CLAUDE: Template = Template {
    system: ("", ""),
    user: ("\n\nHuman:", ""),
    assistant: ("\n\nAssistant:", ""),
    cue: "\n\nAssistant:",
    bare: false,
    ..NONE
};
pub static LLAMA3: Template = Template {
    begin: "<|begin_of_text|>",
    system: ("<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"),
    user: ("<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"),
    assistant: ("<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
    cue: "<|start_header_id|>assistant<|end_header_id|>\n\n",
    bare: false,
    tokens: &["<|begin_of_text|>", "<|eot_id|>"],
    ..NONE
};
/// Mistral's, and Llama 2's.
pub static INSTRUCT: Template = Template {
    begin: "<s>",
    system: ("<<SYS>>\n", "\n<</SYS>>\n\n"),
    user: ("[INST] ", ""),
    assistant: (" [/INST]", "</s>"),
    cue: " [/INST]",
    system_in_user: true,
    bare: false,
    tokens: &["<s>", "</s>"],
};
pub static DEEPSEEK: Template = Template {
    begin: "<｜begin▁of▁sentence｜>",
    system: ("", ""),
    user: ("<｜User｜>", ""),
    assistant: ("<｜Assistant｜>", "<｜end▁of▁sentence｜>"),
    cue: "<｜Assistant｜><think>\n",
    bare: false,
    tokens: &["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"],
    ..NONE
};

/// One turn's text.
pub type Said = (Role, String);

impl Template {
    /// The conversation as one text.
    pub fn written(&self, turns: &[Said]) -> String {
        if let ([(Role::User, text)], true) = (turns, self.bare) {
            return text.clone();
        }
        let mut out = self.begin.to_owned();
        let mut held: Option<String> = None;
        for (at, (role, text)) in turns.iter().enumerate() {
            let last = at + 1 == turns.len();
            let (open, close) = self.marks(*role);
            match role {
                Role::System if self.system_in_user => held = Some(format!("{open}{text}{close}")),
                Role::Assistant if last => out.extend([open, " ", text.trim()]),
                _ => {
                    let space = if open.ends_with(':') { " " } else { "" };
                    out.extend([open, space, &held.take().unwrap_or_default(), text.trim(), close]);
                }
            }
        }
        if let Some(system) = held {
            out.extend([self.user.0, &system]);
        }
        if turns.last().is_none_or(|(role, _)| *role != Role::Assistant) {
            out.push_str(self.cue);
        }
        out
    }

    fn marks(&self, role: Role) -> (&'static str, &'static str) {
        match role {
            Role::Assistant => self.assistant,
            Role::System => self.system,
            Role::User => self.user,
        }
    }

    /// The turns of a text; one of the user's if it has no marks.
    pub fn read(&self, prompt: &str) -> Vec<Said> {
        let Some((at, ..)) = self.next_mark(prompt) else { return vec![(Role::User, self.whole(prompt))] };
        let (before, mut rest) = prompt.split_at_checked(at).unwrap_or(("", prompt));
        let mut turns = Vec::new();
        self.keep(Role::System, before, &mut turns);
        while let Some((at, role, length)) = self.next_mark(rest) {
            let from = rest.get(at + length..).unwrap_or("");
            let end = self.next_mark(from).map_or(from.len(), |(end, ..)| end);
            let (text, after) = from.split_at_checked(end).unwrap_or((from, ""));
            self.keep(role, text, &mut turns);
            rest = after;
        }
        turns
    }

    fn whole(&self, prompt: &str) -> String {
        if self.bare { prompt.to_owned() } else { self.without_tokens(prompt) }
    }

    /// The first mark in a text: where, whose turn it opens, how long it is.
    fn next_mark(&self, text: &str) -> Option<(usize, Role, usize)> {
        let system = Some((Role::System, self.system.0)).filter(|(_, mark)| !self.system_in_user && !mark.is_empty());
        let marks = [(Role::User, self.user.0), (Role::Assistant, self.assistant.0)].into_iter().chain(system);
        marks
            .filter_map(|(role, mark)| text.find(mark.trim_end()).map(|at| (at, role, mark.trim_end().len())))
            .min_by_key(|(at, ..)| *at)
    }

    fn keep(&self, role: Role, text: &str, turns: &mut Vec<Said>) {
        let mut text = self.without_tokens(text);
        let (open, close) = (self.system.0.trim(), self.system.1.trim());
        let inside = text.strip_prefix(open).filter(|_| self.system_in_user && role == Role::User);
        if let Some((system, rest)) = inside.and_then(|text| text.split_once(close)) {
            turns.push((Role::System, system.trim().to_owned()));
            text = rest.trim().to_owned();
        }
        let text = if role == Role::Assistant { text.strip_prefix("<think>").unwrap_or(&text).trim() } else { &text };
        if !text.is_empty() {
            turns.push((role, text.to_owned()));
        }
    }

    fn without_tokens(&self, text: &str) -> String {
        self.tokens.iter().fold(text.to_owned(), |text, token| text.replace(token, "")).trim().to_owned()
    }
}
