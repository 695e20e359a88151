//! Takes out of a provider's text what callers must not learn [U7, X5].

/// The most of a provider's text that is passed on.
const LONGEST: usize = 1024;

/// Prefixes of credentials in the field.
const CREDENTIALS: [&str; 12] =
    ["sk-", "sk_", "pk-", "AKIA", "ASIA", "ABSK", "AIza", "ya29.", "eyJ", "gsk_", "xai-", "bedrock-api-key-"];

/// `text` without URLs, hosts, credentials, account ids and control characters, at most 1 KiB of it.
pub fn redact(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(char::is_whitespace) {
        let kept = word.trim_end();
        out.push_str(redact_word(kept).as_deref().unwrap_or(kept));
        out.push_str(word.get(kept.len()..).unwrap_or(" "));
        if out.len() > LONGEST {
            break;
        }
    }
    let out: String = out.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    shortened(&out).trim().to_owned()
}

fn shortened(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or("")
}

/// What stands in for a word that tells too much, its punctuation kept; `None` if it may stay.
fn redact_word(word: &str) -> Option<String> {
    let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
    let what = if inner.contains("://") || looks_like_host(inner) {
        "[url]"
    } else if inner.starts_with("arn:") || has_account_id(inner) {
        "[id]"
    } else if holds_credential(inner) {
        "[credential]"
    } else {
        return None;
    };
    Some(word.replacen(inner, what, 1))
}

fn holds_credential(word: &str) -> bool {
    word.split(|c: char| "=:\"'`,()[]{}<>".contains(c))
        .any(|part| is_unnamed_credential(part) || part.len() >= 12 && CREDENTIALS.iter().any(|p| part.starts_with(p)))
}

/// A long run of letters and digits without a prefix, as Azure's keys are.
fn is_unnamed_credential(part: &str) -> bool {
    part.len() >= 32
        && part.bytes().all(|b| b.is_ascii_alphanumeric())
        && part.bytes().any(|b| b.is_ascii_digit())
        && part.bytes().any(|b| b.is_ascii_alphabetic())
}

/// `name.example.com`, `10.0.0.1:443`; not `gpt-4.1`, `1.5` or `messages.0.content`.
fn looks_like_host(word: &str) -> bool {
    let (host, port) = word.split_once(':').unwrap_or((word, ""));
    let host = host.split('/').next().unwrap_or(host);
    let labels: Vec<&str> = host.split('.').collect();
    let is_address = labels.len() == 4 && labels.iter().all(|label| label.parse::<u8>().is_ok());
    let known = ["amazonaws", "amazon", "openai", "anthropic", "azure", "internal", "local", "googleapis"];
    let is_name = labels.len() >= 3
        && labels.iter().all(|l| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        && labels.last().is_some_and(|top| top.len() >= 2 && top.bytes().all(|b| b.is_ascii_alphabetic()))
        && (known.iter().any(|k| labels.contains(k))
            || ["com", "net", "org", "io", "ai", "aws", "dev"].contains(labels.last().unwrap_or(&"")));
    is_address || is_name || (host == "localhost" && !port.is_empty())
}

fn has_account_id(word: &str) -> bool {
    word.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() == 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u7_nothing_that_tells_too_much_is_passed_on() {
        for (theirs, ours) in [
            ("see https://platform.openai.com/account for keys.", "see [url] for keys."),
            ("Incorrect API key provided: sk-proj-abcdefghijkl.", "Incorrect API key provided: [credential]."),
            ("key 0123456789abcdef0123456789abcdef is wrong", "key [credential] is wrong"),
            ("User: arn:aws:sts::123456789012:assumed-role/x is not", "User: [id] is not"),
            ("connect to bedrock-runtime.eu-west-2.amazonaws.com:443 failed", "connect to [url] failed"),
            ("host 10.1.2.3:8080 down", "host [url] down"),
            ("account 123456789012", "account [id]"),
        ] {
            assert_eq!(redact(theirs), ours);
        }
    }

    #[test]
    fn ordinary_messages_stay_whole() {
        for text in
            ["messages.0.content.1: field required", "The model `gpt-4.1` does not exist", "temperature 1.5 > 1.0"]
        {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn u7_at_most_1_kib_cut_at_a_character() {
        assert!(redact(&"é".repeat(2000)).len() <= 1024);
    }
}
