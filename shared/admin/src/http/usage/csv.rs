//! Tables as text: commas, quotes where needed, and no cell that a spreadsheet would take for a formula [W6].

use super::group::{By, Group, Name};
use std::{borrow::Cow, collections::BTreeMap};
use stores::rollups::Total;

const NUMBERS: [&str; 10] = [
    "requests",
    "errors",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "estimated_requests",
    "unpriced_requests",
    "cost_usd",
];

/// The usage report: the names asked for, then the sums.
pub fn usage(by: By, sums: &BTreeMap<Group, Total>) -> String {
    let head = by.names().map(Name::text).chain(NUMBERS).map(Cow::Borrowed);
    let lines = sums.iter().map(|(group, total)| {
        let names = by.names().map(|name| Cow::Borrowed(group.value(name)));
        line(names.chain(numbers(total).into_iter().map(Cow::Owned)))
    });
    std::iter::once(line(head)).chain(lines).collect()
}

fn numbers(total: &Total) -> [String; 10] {
    let counts = [
        total.calls,
        total.errors,
        total.input,
        total.cache_read,
        total.cache_write,
        total.output,
        total.reasoning,
        total.estimated,
        total.unpriced,
    ]
    .map(|count| count.to_string());
    let [a, b, c, d, e, f, g, h, i] = counts;
    [a, b, c, d, e, f, g, h, i, cost(total)]
}

/// In dollars; empty if it is not known.
pub fn cost(total: &Total) -> String {
    total.known_cost().map(|cost| cost.to_string()).unwrap_or_default()
}

/// One line, ended as RFC 4180 wants it.
pub fn line<'c>(cells: impl Iterator<Item = Cow<'c, str>>) -> String {
    let cells: Vec<String> = cells.map(|text| cell(&text)).collect();
    format!("{}\r\n", cells.join(","))
}

fn cell(text: &str) -> String {
    // Our own numbers are never negative: whatever begins with a sign was written by somebody else.
    let quoted = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if quoted.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", quoted.replace('"', "\"\"")) } else { quoted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w6_a_cell_that_a_spreadsheet_would_run_is_quoted() {
        for (text, written) in [
            ("plain", "plain"),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@sum", "'@sum"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("a,b", "\"a,b\""),
            ("a\nb", "\"a\nb\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), written);
        }
    }
}
