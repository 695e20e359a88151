//! Usage in the dialect's words ⇄ in the normal form.

use crate::json::{Node, write::Object};
use domain::tokens::{Tier, Usage, UsageSoFar, UsageUpdate};

/// What a body or chunk says about usage, in the words of chat or of responses: in `usage`, or in Groq's `x_groq.usage`.
pub fn of(body: &Node<'_>) -> UsageUpdate {
    let usage = body.get("usage").or_else(|| body.get("x_groq").and_then(|groq| groq.get("usage")));
    let said = match usage {
        Some(usage) if usage.is_object() => UsageUpdate { searches: searches(body), ..Reader::default().read(usage) },
        Some(_) => UsageUpdate { anomalous: true, ..UsageUpdate::default() },
        None => UsageUpdate::default(),
    };
    // A request for `auto` is echoed until it is known who serves it.
    let tier = body.str_of("service_tier").filter(|tier| *tier != "auto").map(Tier::named);
    UsageUpdate { tier, ..said }
}

/// Reads counts, remembering whether one of them could not be one [M13].
#[derive(Default)]
struct Reader {
    anomalous: bool,
}

impl Reader {
    /// The first of these fields that is there, looked up from `usage` inwards.
    fn count(&mut self, usage: &Node<'_>, paths: &[&[&str]]) -> Option<u64> {
        let found = paths.iter().find_map(|path| path.iter().try_fold(usage, |node, key| node.get(key)))?;
        let count = found.integer().ok();
        self.anomalous |= count.is_none();
        count
    }

    fn read(mut self, usage: &Node<'_>) -> UsageUpdate {
        let prompt = self.count(usage, &[&["prompt_tokens"], &["input_tokens"]]);
        let completion = self.count(usage, &[&["completion_tokens"], &["output_tokens"]]);
        let total = self.count(usage, &[&["total_tokens"]]);
        let reasoning = self.count(
            usage,
            &[
                &["completion_tokens_details", "reasoning_tokens"],
                &["output_tokens_details", "reasoning_tokens"],
                &["reasoning_tokens"],
            ],
        );
        let read = self.count(
            usage,
            &[
                &["prompt_tokens_details", "cached_tokens"],
                &["input_tokens_details", "cached_tokens"],
                &["cached_tokens"],
                &["num_cached_tokens"],
                &["prompt_cache_hit_tokens"],
                &["cache_read_input_tokens"],
            ],
        );
        let written = self.count(
            usage,
            &[
                &["prompt_tokens_details", "cache_write_tokens"],
                &["input_tokens_details", "cache_write_tokens"],
                &["cache_creation_input_tokens"],
            ],
        );
        let long = self.count(
            usage,
            &[&["prompt_tokens_details", "cache_write_1h_tokens"], &["input_tokens_details", "cache_write_1h_tokens"]],
        );
        let audio = self.count(usage, &[&["prompt_tokens_details", "audio_tokens"]]);
        let spoken = self.count(usage, &[&["completion_tokens_details", "audio_tokens"]]);
        let prompt = prompt.map(|prompt| whole_prompt(prompt, completion, audio, total));
        let input = Input::split(prompt, read, written, long);
        UsageUpdate {
            input: input.fresh,
            cache_read: input.read,
            cache_write: input.written,
            cache_write_1h: input.written_1h,
            cache_written: None,
            output: completion.map(|completion| output(completion, prompt, reasoning, total)),
            reasoning,
            tier: None,
            audio,
            audio_output: spoken,
            searches: None,
            guarded: None,
            anomalous: self.anomalous,
        }
    }
}

/// How often the web was searched for an answer in the words of responses: each search is an item of it.
fn searches(body: &Node<'_>) -> Option<u64> {
    let items = body.get("output")?.elements();
    let is_search = |item: &&Node<'_>| {
        let opens =
            item.get("action").and_then(|action| action.str_of("type")).is_some_and(|action| action != "search");
        item.str_of("type") == Some("web_search_call") && !opens
    };
    Some(items.iter().filter(is_search).count() as u64)
}

/// Mistral counts audio beside the prompt; its total proves it.
fn whole_prompt(prompt: u64, completion: Option<u64>, audio: Option<u64>, total: Option<u64>) -> u64 {
    let with_audio = prompt.saturating_add(audio.unwrap_or(0));
    let beside = total.is_some() && total == completion.map(|completion| completion.saturating_add(with_audio));
    if beside { with_audio } else { prompt }
}

/// xAI counts reasoning beside the completion; its total proves it.
fn output(completion: u64, prompt: Option<u64>, reasoning: Option<u64>, total: Option<u64>) -> u64 {
    let with_reasoning = completion.saturating_add(reasoning.unwrap_or(0));
    let beside = total.is_some() && total == prompt.map(|prompt| prompt.saturating_add(with_reasoning));
    if beside { with_reasoning } else { completion }
}

/// The disjoint input classes out of a prompt that includes them all.
struct Input {
    fresh: Option<u64>,
    read: Option<u64>,
    written: Option<u64>,
    written_1h: Option<u64>,
}

impl Input {
    /// Reads are part of the prompt, unless there are more of them than the prompt has tokens: then the host counts
    /// them beside it. Some hosts count a token as read and as written; the second does not count.
    fn split(prompt: Option<u64>, read: Option<u64>, written: Option<u64>, long: Option<u64>) -> Self {
        let beside = read.filter(|read| prompt.is_some_and(|prompt| *read > prompt)).unwrap_or(0);
        let prompt = prompt.map(|prompt| prompt.saturating_add(beside));
        let whole = prompt.unwrap_or(u64::MAX);
        let read = read.map(|read| read.min(whole));
        let rest = whole - read.unwrap_or(0);
        let written = written.map(|written| written.min(rest));
        let long = long.map(|long| long.min(written.unwrap_or(0)));
        Self {
            fresh: prompt.map(|_| rest - written.unwrap_or(0)),
            read,
            written: written.map(|written| written - long.unwrap_or(0)),
            written_1h: long,
        }
    }
}

/// Writes `usage`, naming only what is known; nothing at all if neither side is.
pub fn write(o: &mut Object<'_>, update: &UsageUpdate) {
    if update.input.is_none() && update.output.is_none() {
        return;
    }
    let mut so_far = UsageSoFar::default();
    so_far.merge(update);
    let known = so_far.known();
    o.object("usage", |o| {
        o.number("prompt_tokens", known.prompt())
            .number("completion_tokens", known.output)
            .number("total_tokens", known.total());
        details(o, update, &known);
    });
}

fn details(o: &mut Object<'_>, update: &UsageUpdate, known: &Usage) {
    let written = update.cache_write.or(update.cache_write_1h).or(update.cache_written);
    if update.cache_read.is_some() || written.is_some() || update.audio.is_some() {
        o.object("prompt_tokens_details", |o| {
            o.maybe_number("audio_tokens", update.audio)
                .maybe_number("cached_tokens", update.cache_read)
                .maybe_number("cache_write_tokens", written.map(|_| known.cache_write + known.cache_write_1h))
                .maybe_number("cache_write_1h_tokens", update.cache_write_1h.filter(|long| *long > 0));
        });
    }
    if update.reasoning.is_some() || update.audio_output.is_some() {
        o.object("completion_tokens_details", |o| {
            o.maybe_number("audio_tokens", update.audio_output).maybe_number("reasoning_tokens", update.reasoning);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{parse_answer, write::object};

    fn read(usage: &str) -> UsageUpdate {
        of(&parse_answer(format!(r#"{{"usage":{usage}}}"#).as_bytes()).unwrap())
    }

    fn known(usage: &str) -> Usage {
        let mut so_far = UsageSoFar::default();
        so_far.merge(&read(usage));
        so_far.reported().unwrap()
    }

    #[test]
    fn cached_tokens_are_taken_out_of_the_prompt_whatever_the_host_calls_them() {
        for cached in [
            r#""prompt_tokens_details":{"cached_tokens":40}"#,
            r#""cached_tokens":40"#,
            r#""num_cached_tokens":40"#,
            r#""prompt_cache_hit_tokens":40,"prompt_cache_miss_tokens":60"#,
        ] {
            let usage = known(&format!(r#"{{"prompt_tokens":100,"completion_tokens":5,"total_tokens":105,{cached}}}"#));
            assert_eq!((usage.input, usage.cache_read, usage.output), (60, 40, 5), "{cached}");
        }
    }

    #[test]
    fn reads_larger_than_the_prompt_stand_beside_it() {
        let usage = known(
            r#"{"prompt_tokens":7,"completion_tokens":1,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":163}}"#,
        );
        assert_eq!((usage.input, usage.cache_read), (7, 163));
    }

    #[test]
    fn audio_beside_the_prompt_is_added_to_it() {
        let usage = known(
            r#"{"prompt_tokens":9,"completion_tokens":248,"total_tokens":632,"prompt_tokens_details":{"audio_tokens":375}}"#,
        );
        assert_eq!((usage.input, usage.output), (384, 248));
    }

    #[test]
    fn a_token_is_read_or_written_not_both() {
        let usage = known(
            r#"{"prompt_tokens":100,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":90,"cache_write_tokens":90}}"#,
        );
        assert_eq!((usage.input, usage.cache_read, usage.cache_write, usage.prompt()), (0, 90, 10, 100));
    }

    #[test]
    fn reasoning_beside_the_completion_is_added_to_it() {
        let usage = known(
            r#"{"prompt_tokens":12,"completion_tokens":1,"total_tokens":241,"completion_tokens_details":{"reasoning_tokens":228}}"#,
        );
        assert_eq!((usage.output, usage.reasoning), (229, 228));
        let usage = known(
            r#"{"prompt_tokens":12,"completion_tokens":230,"total_tokens":242,"completion_tokens_details":{"reasoning_tokens":228}}"#,
        );
        assert_eq!(usage.output, 230);
    }

    #[test]
    fn m13_counts_that_cannot_be_are_anomalies() {
        for count in ["-1", "1.5", "\"7\"", "99999999999999999999", "true"] {
            assert!(read(&format!(r#"{{"prompt_tokens":{count},"completion_tokens":1}}"#)).anomalous, "{count}");
        }
        assert!(read("[]").anomalous);
        assert!(read("null").is_empty());
    }

    #[test]
    fn usage_is_read_as_it_was_written() {
        let update = UsageUpdate {
            input: Some(1),
            cache_read: Some(20),
            cache_write: Some(300),
            cache_write_1h: Some(4000),
            output: Some(50000),
            reasoning: Some(6),
            ..UsageUpdate::default()
        };
        let text = object(|o| write(o, &update));
        assert_eq!(of(&parse_answer(text.as_bytes()).unwrap()), update);
        assert!(text.contains(r#""prompt_tokens":4321"#), "{text}");
    }
}
