"""The built router under a Runtime API that freezes it the moment an answer ends."""

import json
import time

import pytest
from conftest import event, with_key
from runtime_api import Function

CHAT = {"model": "echo", "messages": [{"role": "user", "content": "Good morning, gate keeper."}]}
STREAM = CHAT | {"stream": True}
MESSAGE = CHAT | {"max_tokens": 64, "stream": True}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "Good morning, gate keeper."}]}]}

FRONT_DOORS = [
    # event, body, is streamed, content type, a piece of the answer
    ("function-url-chat.json", CHAT, True, "application/json", b"Good morning, gate keeper."),
    ("function-url-stream.json", STREAM, True, "text/event-stream", b"data: [DONE]"),
    ("rest-stream.json", MESSAGE, True, "text/event-stream", b"message_stop"),
    ("rest-converse-stream.json", CONVERSE, True, "application/vnd.amazon.eventstream", b"messageStop"),
    ("rest-buffered.json", None, False, "application/json", b'"echo"'),
    ("http-api-chat.json", CHAT, False, "application/json", b"Good morning, gate keeper."),
    ("http-api-chat.json", STREAM, False, "text/event-stream", b"data: [DONE]"),
]


@pytest.fixture
def key(new_key) -> str:
    return new_key(max_budget_usd="1.00")


@pytest.mark.parametrize("name, body, streamed, content_type, piece", FRONT_DOORS)
def test_every_front_door_is_answered_as_it_was_invoked(stack, key, name, body, streamed, content_type, piece):
    with stack.start() as router:
        answer = router.invoke(with_key(event(name), key, body))
    assert answer.error is None
    assert answer.streamed is streamed
    assert answer.status == 200, answer.body
    assert answer.answer_headers["content-type"].startswith(content_type)
    assert piece in answer.body
    assert not answer.trailers, "a body that fails shows here"


def test_l1_nothing_is_lost_when_the_sandbox_freezes_at_the_last_byte(stack, key):
    with stack.start() as router:
        for count in range(1, 6):
            answer = router.invoke(with_key(event("function-url-stream.json"), key, STREAM))
            assert answer.status == 200 and router.is_frozen
            # the process cannot run: what is in the table now is all there will ever be
            records = stack.calls()
            assert len(records) == count and all(record["st"] == "settled" for record in records)
            assert stack.holds() == []


def test_l1_holds_for_buffered_answers_too(stack, key):
    with stack.start() as router:
        assert router.invoke(with_key(event("http-api-chat.json"), key, CHAT)).status == 200
        assert router.is_frozen
        assert [record["st"] for record in stack.calls()] == ["settled"] and stack.holds() == []


def test_l9_a_then_b_on_one_instance_share_nothing(stack, new_key):
    keys = {name: new_key(name=name, max_budget_usd="1.00") for name in ("a", "b")}
    secret = "the-words-of-a-only"
    with stack.start() as router:
        body = STREAM | {"messages": [{"role": "user", "content": secret}], "metadata": {"team": secret}}
        first = router.invoke(with_key(event("function-url-stream.json"), keys["a"], body))
        second = router.invoke(with_key(event("function-url-stream.json"), keys["b"], STREAM))
        nobody = router.invoke(with_key(event("function-url-stream.json"), "sk-ptn-nobody", STREAM))
    assert secret.encode() in first.body
    assert second.status == 200 and secret.encode() not in second.raw
    assert nobody.status == 401 and secret.encode() not in nobody.raw
    assert first.answer_headers["x-request-id"] != second.answer_headers["x-request-id"]
    assert len({record["key"] for record in stack.calls()}) == 2


def test_l8_four_invocations_run_at_once_in_one_process(stack, key, slow):
    stack.configure(slow.configuration)
    with stack.start(concurrency=4) as router:
        router.wait_until_ready()
        started = time.monotonic()
        asked = with_key(event("function-url-chat.json"), key, CHAT | {"model": "slow"})
        answers = [invocation.wait() for invocation in [router.start(asked) for _ in range(4)]]
        seconds = time.monotonic() - started
    assert [answer.status for answer in answers] == [200] * 4, answers[0].body
    assert seconds < 4 * slow.seconds * 0.75, f"{seconds:.2f} s for four calls of {slow.seconds} s"
    assert len(stack.calls()) == 4 and stack.holds() == []


def test_l7_a_reader_that_goes_away_ends_neither_the_process_nor_the_books(stack, key, slow):
    stack.configure(slow.configuration)
    with stack.start(freezes=False) as router:
        asked = with_key(event("function-url-stream.json"), key, STREAM | {"model": "slow"})
        assert router.invoke(asked, drop_after=200).dropped
        after = router.invoke(with_key(event("function-url-chat.json"), key, CHAT))
        assert after.status == 200 and router.is_alive
    # what the abandoned call held, if it was not settled, goes back with its lease
    stack.expire_holds()
    with stack.start("usage-rollups") as sweeper:
        assert sweeper.invoke(event("schedule.json")).error is None
    assert stack.holds() == []
    assert len(stack.calls()) == 2


def test_l2_work_stops_five_seconds_before_the_deadline(stack, key, slow):
    stack.configure(slow.configuration)
    with stack.start() as router:
        asked = with_key(event("function-url-stream.json"), key, STREAM | {"model": "stalling"})
        answer = router.invoke(asked, timeout_s=8.0)
        assert answer.error is None
        assert 2.0 < answer.seconds < 4.5, f"ended after {answer.seconds:.1f} s of 8 s"
        assert b"error" in answer.body or answer.status == 504
        assert len(stack.calls()) == 1 and stack.holds() == []


def test_l6_an_instance_that_cannot_start_says_why(stack, tmp_path):
    log = tmp_path / "log"
    with stack.start(environment={"PORTUNUS_USAGE_TABLE": ""}, log=str(log)) as router:
        assert router.process.wait(20) != 0
    assert "PORTUNUS_USAGE_TABLE" in log.read_text()


def test_the_first_start_seeds_the_settings_and_later_ones_keep_them(stack, new_key):
    with stack.start() as router:
        router.wait_until_ready()
    (settings,) = [item for item in stack.items("keys") if item["sk"] == "CONFIG"]
    assert "claude-sonnet" in settings["text"]
    stack.configure("models: [{ name: parrot, targets: [{ provider: echo, model: echo }] }]\n")
    with stack.start() as router:
        answer = router.invoke(with_key(event("function-url-chat.json"), new_key(), CHAT | {"model": "parrot"}))
    assert answer.status == 200, answer.body


def test_a_wrong_configuration_is_named_by_line_in_the_log(stack, tmp_path):
    stack.configure("models:\n  - name: parrot\n    tragets: []\n")
    log = tmp_path / "log"
    with stack.start(log=str(log)) as router:
        assert router.process.wait(20) != 0
    assert "portunus.yaml:3" in log.read_text()


def test_an_unparsable_host_is_an_answer_and_not_an_invocation_error(stack, key):
    asked = with_key(event("function-url-chat.json"), key, CHAT)
    asked["headers"]["host"] = "["
    with stack.start() as router:
        answer = router.invoke(asked)
    assert answer.error is None and answer.status == 200, answer.body
