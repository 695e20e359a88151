//! Requests.

use super::{
    Wrong,
    kits::{Kit, pairs},
    recordings::{Recording, recordings},
    said::{Asked, Call},
};
use dialects::{
    codec,
    codec::{Abilities, Envelope, JSON_OUTPUT_TOOL, Target},
    json::parse,
};
use domain::chat::{Content, Message, Request};
use serde_json::{Value, json};

/// Words of the gateway's own, where the provider wants some or the dialect has no other way.
const OURS: [&str; 12] = [
    "(what this tool returned follows in the next user message)",
    "Answer with one JSON object",
    "Continue.",
    "Error",
    "Give the final answer by calling the tool",
    "Give your final answer by calling the tool",
    "No result",
    "Returned by tool call ",
    "The document is attached.",
    "The following file",
    "The tool gave no result",
    "What follows",
];

fn abilities() -> [Abilities; 2] {
    let all = Abilities { adaptive_thinking: true, ..Abilities::default() };
    let few = Abilities {
        prompt_caching: false,
        response_schema: false,
        one_of_temperature_and_top_p: true,
        ..Abilities::default()
    };
    [all, few]
}

/// A recorded request as our wire understands it; `None` for those the provider refused as well.
fn decoded(recording: &Recording, what: &str) -> Option<Request> {
    let text = recording.request().filter(|_| ![400, 422].contains(&recording.status()))?.to_string();
    let envelope = Envelope { model: Some(recording.model()), stream: None };
    let request = parse(text.as_bytes()).and_then(|body| codec(recording.kit.wire).decode_request(&body, &envelope));
    match request {
        Ok(request) => Some(request),
        Err(problem) => {
            // Several prompts, or token ids, are for a wire of their own.
            let elsewhere = problem.param.as_deref() == Some("prompt");
            let broken = recording.status() >= 400 || problem.message.contains("duplicate") || elsewhere;
            assert!(broken, "{what}: {problem:?}");
            None
        }
    }
}

#[test]
fn requests_ask_every_provider_the_same() {
    let (mut total, mut wrong) = (0, Wrong::default());
    for (from, to) in pairs() {
        let pair = format!("{} to {}", from.wire, to.wire);
        let (mut ran, mut written, mut refused) = (0, 0, 0);
        for recording in recordings(from) {
            wrong.unless(|| {
                let what = format!("{pair}: {}", recording.file);
                let Some(request) = decoded(recording, &what) else { return };
                let mut asked = (from.request)(recording.request().unwrap());
                (to.askable)(&mut asked);
                ran += 1;
                for (model, abilities) in to.models.iter().flat_map(|model| abilities().map(|able| (*model, able))) {
                    let target = Target { model, abilities, default_output_cap: 4096, ..Target::default() };
                    match carry(from, to, &request, &target, &asked, &format!("{what} ({model})")) {
                        true => written += 1,
                        // Media to a model that reads words only are no surprise.
                        false if to.words_only && asked.media > 0 => {}
                        false => refused += 1,
                    }
                }
            });
        }
        println!("{pair}: {ran} requests, {written} times written, {refused} times refused");
        let enough = ran >= from.least.requests && refused * 3 < written;
        wrong.unless(|| assert!(enough, "{pair}: {ran} requests, {written} and {refused}"));
        total += ran;
    }
    println!("{total} requests");
}

/// Whether a provider gets the request, whole and as it wants it; if not, for a reason.
fn carry(from: &Kit, to: &Kit, request: &Request, target: &Target<'_>, asked: &Asked, what: &str) -> bool {
    match codec(to.wire).encode_request(request, target) {
        Ok(encoded) => {
            let body = serde_json::from_str(&encoded.body).expect(what);
            // Equal wires pass through as they are.
            if from.wire != to.wire {
                (to.obeys)(&body, what);
            }
            let against = to.against(from, target.model, &body);
            assert!(against.is_empty(), "{what}: {}", against.join("\n"));
            compare(&(to.request)(&body), asked, what);
            true
        }
        Err(error) => {
            assert_eq!(error.status(), 400, "{what}: {error}");
            let many = error.param.as_deref() == Some("n");
            // A message of things that one provider alone knows, or of results whose calls it keeps itself.
            let strange = |content: &Content| matches!(content, Content::Other(_) | Content::ToolResult(_));
            let nothing = |message: &Message| message.content.iter().all(|block| strange(&block.content));
            let nothing = request.messages.iter().any(nothing);
            assert!(asked.media > 0 || many || nothing, "{what}: {error}");
            false
        }
    }
}

fn compare(told: &Asked, asked: &Asked, what: &str) {
    if let Some(prompt) = &told.prompt {
        return same_prompt(prompt, asked, what);
    }
    if let Some(prompt) = &asked.prompt {
        let texts = told.system.iter().chain(&told.user).chain(&told.assistant);
        let strange = texts.filter(|text| !prompt.contains(text.as_str()) && !is_ours(text));
        return assert_eq!(strange.count(), 0, "{what}: {told:?} of {prompt}");
    }
    for (told_texts, texts) in
        [(&told.system, &asked.system), (&told.user, &asked.user), (&told.assistant, &asked.assistant)]
    {
        same_texts(told_texts, texts, &asked.papers, what);
    }
    let everything: String = told.user.iter().chain(&told.papers).chain(&told.system).cloned().collect();
    let results: String = told.calls.iter().filter_map(|call| call.result.clone()).flatten().collect();
    for paper in &asked.papers {
        assert!(everything.contains(paper.trim()) || results.contains(paper.trim()), "{what}: a paper is lost");
    }
    assert_eq!(told.media, asked.media, "{what}: images and other media");
    same_tools(told, asked, what);
    assert_eq!(told.calls.len(), asked.calls.len(), "{what}: calls");
    told.calls.iter().zip(&asked.calls).for_each(|(told, asked)| same_call(told, asked, what));
}

/// Everything said is in the prompt, each speaker's words in their order; calls are there with their results.
fn same_prompt(prompt: &str, asked: &Asked, what: &str) {
    for texts in [&asked.system, &asked.user, &asked.assistant] {
        let mut left = prompt;
        for text in texts {
            left = left.split_once(text.as_str()).unwrap_or_else(|| panic!("{what}: {text:?} is lost of {prompt}")).1;
        }
    }
    for call in &asked.calls {
        let results = call.result.iter().flatten().map(|text| text.trim_start_matches("Error: "));
        let lost: Vec<&str> = results.chain([call.name.as_str()]).filter(|text| !prompt.contains(text)).collect();
        assert!(lost.is_empty(), "{what}: {lost:?} of {prompt}");
    }
    assert!(asked.papers.iter().all(|paper| prompt.contains(paper.trim())), "{what}: a paper is lost");
    // A prompt laid out for another model is told turn by turn.
    let turns = asked
        .prompt
        .iter()
        .flat_map(|_| prompt.split("\n\n"))
        .map(|turn| turn.split_once(": ").map_or(turn, |(_, said)| said));
    let own = asked.prompt.clone().unwrap_or_default();
    let strange: Vec<&str> = turns.filter(|turn| !own.contains(turn.trim()) && *turn != "Assistant:").collect();
    assert!(strange.is_empty(), "{what}: {strange:?} of {own}");
}

fn is_ours(text: &str) -> bool {
    OURS.iter().any(|word| text.starts_with(word))
}

/// What was said is said again in its order; all else are words of ours, or papers.
fn same_texts(told: &[String], asked: &[String], papers: &[String], what: &str) {
    let mut wanted = asked.iter().peekable();
    for text in told {
        if wanted.next_if(|wanted| *wanted == text).is_some() {
            continue;
        }
        let ours = is_ours(text);
        let paper = papers.iter().any(|paper| text.contains(paper.trim()));
        assert!(ours || paper, "{what}: {text:?} was never said; {:?} was", wanted.peek());
    }
    assert_eq!(wanted.peek(), None, "{what}: not said, of {told:?}");
}

fn same_tools(told: &Asked, asked: &Asked, what: &str) {
    let mut tools = told.tools.clone();
    tools.retain(|(name, _)| name != JSON_OUTPUT_TOOL);
    if asked.tools.is_empty() {
        // Tools that the history calls must be defined.
        let remembered = |name: &String| asked.calls.iter().any(|call| call.name == *name);
        let nothing = json!({"type": "object", "properties": {}});
        assert!(tools.iter().all(|(name, schema)| remembered(name) && *schema == nothing), "{what}: {tools:?}");
    } else if !(asked.no_tools && tools.is_empty()) {
        assert_eq!(tools, asked.tools, "{what}: tools");
    }
}

fn same_call(told: &Call, asked: &Call, what: &str) {
    assert_eq!((&told.name, &told.arguments), (&asked.name, &asked.arguments), "{what}");
    let (Some(result), Some(wanted)) = (&told.result, &asked.result) else {
        assert!(asked.result.is_none(), "{what}: the result of {} is lost", asked.name);
        return;
    };
    let joined = result.join("\n");
    for text in wanted {
        let text = text.trim_start_matches("Error: ");
        // An object may have been written anew.
        let wanted = json_of(text);
        let only = wanted.as_ref().and_then(|object| object.as_object()?.values().next()?.as_str());
        let same = |other: &String| json_of(other).is_some_and(|object| Some(object) == wanted) || only == Some(other);
        assert!(joined.contains(text) || result.iter().any(same), "{what}: {text:?} is lost of {joined:?}");
    }
    assert!(!asked.is_error || told.is_error, "{what}: a failure of {} is a success", asked.name);
}

fn json_of(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}
