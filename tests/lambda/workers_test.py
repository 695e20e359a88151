"""The two consumers of the usage table's stream, as built, on event files and on events made from real calls."""

import copy
import gzip
import json
import time

import pytest
from conftest import Stack, event, with_key
from faults import LOST, REFUSED, Faults
from router_test import CHAT


def totals(stack) -> dict:
    """Every counter of the rollups, without the marks of what was taken in."""
    counters = [item for item in stack.items("quotas") if any(name.startswith("c:") for name in item)]
    return {(c["pk"], c["sk"]): {n: v for n, v in c.items() if not n.startswith("c:")} for c in counters}


def answer(function, asked) -> dict:
    invocation = function.invoke(asked)
    assert invocation.error is None, invocation.error
    return json.loads(invocation.raw)


def test_l4_a_batch_is_counted_once_however_often_it_comes(stack):
    batch = event("table-stream.json")
    with stack.start("usage-rollups") as rollups:
        assert answer(rollups, batch) == {"batchItemFailures": [], "state": {}}
        once = totals(stack)
        for part in (batch["Records"][:1], batch["Records"][1:], batch["Records"]):
            assert answer(rollups, batch | {"Records": part})["batchItemFailures"] == []
    assert once and totals(stack) == once


def archived(stack) -> list[dict]:
    """Every line of every object that the rollups wrote."""
    s3 = stack.emulator.client("s3")
    names = [found["Key"] for found in s3.list_objects_v2(Bucket=stack.bucket, Prefix="audit/dt=").get("Contents", [])]
    text = [gzip.decompress(s3.get_object(Bucket=stack.bucket, Key=name)["Body"].read()).decode() for name in names]
    return [json.loads(line) for line in "".join(text).splitlines()]


def test_a2_every_call_of_a_batch_is_archived_once_however_often_it_comes(stack):
    batch = event("table-stream.json")
    with stack.start("usage-rollups") as rollups:
        for part in (batch["Records"], batch["Records"][:1], batch["Records"]):
            assert answer(rollups, batch | {"Records": part})["batchItemFailures"] == []
        swept = answer(rollups, event("schedule.json"))
    calls = [record["dynamodb"]["NewImage"]["pk"]["S"].removeprefix("CALL#") for record in batch["Records"]]
    assert sorted(line["id"] for line in archived(stack)) == sorted(calls)
    assert swept["digests"] == 0, "the hour is not over"


def test_l4_shards_count_side_by_side(stack):
    batch = event("table-stream.json")
    with stack.start("usage-rollups") as rollups:
        answer(rollups, batch)
        once = totals(stack)
        answer(rollups, batch | {"shardId": "shardId-00000001795229870123-ffffffff"})
    assert totals(stack) != once, "another shard's records are other records"


def poison(batch: dict) -> dict:
    """A call record without a cost, which nobody can read."""
    record = copy.deepcopy(batch["Records"][0])
    del record["dynamodb"]["NewImage"]["cost"]
    record["dynamodb"]["SequenceNumber"] = "442158450000000001745099"
    return record


def letters(stack) -> list[dict]:
    """What was put away as of no use."""
    sqs, found = stack.emulator.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=stack.dead_letters, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=stack.dead_letters, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_l5_a_record_that_cannot_be_read_is_put_away_whole_and_holds_up_nobody(stack):
    batch = event("table-stream.json")
    record = poison(batch)
    with stack.start("usage-rollups") as rollups:
        assert answer(rollups, batch | {"Records": [record, *batch["Records"]]})["batchItemFailures"] == []
        counted = totals(stack)
        assert answer(rollups, batch)["batchItemFailures"] == []
    assert counted and totals(stack) == counted
    (letter,) = letters(stack)
    assert letter["record"] == record and letter["why"]


def behind(stack, faults, function):
    return stack.start(function, environment={"AWS_ENDPOINT_URL": faults.url})


def until_done(function, batch) -> int:
    """Gives a batch until all of it is dealt with, as the event source mapping would; says how often."""
    for tries in range(1, 10):
        if not answer(function, batch)["batchItemFailures"]:
            return tries
    raise AssertionError("the batch never ended")


def test_l5_a_record_that_the_queue_does_not_take_comes_again(stack):
    batch = event("table-stream.json")
    sends = lambda method, path, target, body: target == "AmazonSQS.SendMessage"  # noqa: E731
    with Faults(stack.emulator.url) as faults, behind(stack, faults, "usage-rollups") as rollups:
        faults.meets(sends, [REFUSED] * 6)
        assert until_done(rollups, batch | {"Records": [poison(batch), *batch["Records"]]}) > 1
    assert {letter["sequence"] for letter in letters(stack)} == {"442158450000000001745099"}


@pytest.mark.parametrize("kinds", [[REFUSED], [LOST], [REFUSED, LOST, REFUSED, LOST, LOST, REFUSED]])
def test_a2_every_call_is_archived_and_counted_once_though_objects_are_refused_and_answers_lost(stack, kinds):
    batch = event("table-stream.json")
    puts = lambda method, path, target, body: method == "PUT" and "/audit/dt" in path  # noqa: E731
    writes = lambda method, path, target, body: target.endswith(("UpdateItem", "TransactWriteItems"))  # noqa: E731
    with Faults(stack.emulator.url) as faults, behind(stack, faults, "usage-rollups") as rollups:
        faults.meets(puts, kinds)
        faults.meets(writes, kinds)
        until_done(rollups, batch)
        assert not faults.waiting and sorted(faults.met) == sorted(kinds * 2)
        once = totals(stack)
        assert answer(rollups, batch)["batchItemFailures"] == []
    calls = [record["dynamodb"]["NewImage"]["pk"]["S"].removeprefix("CALL#") for record in batch["Records"]]
    assert sorted(line["id"] for line in archived(stack)) == sorted(calls)
    undisturbed = Stack(stack.emulator)
    with undisturbed.start("usage-rollups") as rollups:
        assert answer(rollups, batch)["batchItemFailures"] == []
    assert totals(stack) == once == totals(undisturbed)


def test_a4_what_admins_changed_is_archived_by_the_schedule_once(stack):
    at = int((time.time() - 600) * 1000)
    day = time.strftime("%Y-%m-%d", time.gmtime(at / 1000))
    texts = {"request": "req_1", "actor_kind": "root_admin_key", "actor_id": "", "action": "key.create", "object": "key/key_1"}
    entry = {"pk": {"S": f"AUDIT#{day}"}, "sk": {"S": f"{at:014}#req_1"}, "at": {"N": str(at)}}
    stack.dynamodb.put_item(TableName=stack.tables["keys"], Item=entry | {name: {"S": text} for name, text in texts.items()})
    with stack.start("usage-rollups") as rollups:
        assert [answer(rollups, event("schedule.json"))["changes"] for _ in range(2)] == [1, 0]
    (line,) = archived(stack)
    assert (line["record"], line["action"], line["object"]) == ("admin_change", "key.create", "key/key_1")


def test_an_empty_window_and_a_stranger_s_event(stack):
    with stack.start("usage-rollups") as rollups:
        final = {"Records": [], "isFinalInvokeForWindow": True, "state": {}, "shardId": "shardId-1"}
        assert answer(rollups, final)["batchItemFailures"] == []
        assert rollups.invoke({"hello": "there"}).error is not None


@pytest.fixture
def inbox(stack, emulator):
    """What the alerts topic delivered so far."""
    sqs = emulator.client("sqs")
    queue = sqs.create_queue(QueueName=stack.tables["keys"] + "-inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    emulator.client("sns").subscribe(TopicArn=stack.topic, Protocol="sqs", Endpoint=arn)

    def read() -> list[dict]:
        found = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(json.loads(message["Body"])["Message"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    return read


def stream_of(stack) -> dict:
    """A batch as the stream would show the call records that are in the table now."""
    batch = event("table-stream.json")
    raw = stack.dynamodb.scan(TableName=stack.tables["usage"])["Items"]
    batch["Records"] = [
        copy.deepcopy(batch["Records"][0])
        | {"dynamodb": batch["Records"][0]["dynamodb"] | {"SequenceNumber": str(number), "NewImage": item, "Keys": {"pk": item["pk"], "sk": item["sk"]}}}
        for number, item in enumerate(raw, 1)
    ]
    return batch


def test_m15_holds_are_freed_from_the_stream_where_the_stack_says_so(stack, new_key, slow):
    stack.configure(slow.configuration)
    from_stream = {"environment": {"PORTUNUS_FREE_HOLDS": "stream"}}
    with stack.start(**from_stream) as router:
        request = with_key(event("function-url-chat.json"), new_key(max_budget_usd="5"), CHAT | {"model": "slow"})
        for _ in range(3):
            assert router.invoke(request).status == 200
    assert len(stack.calls()) == 3 and stack.holds(), "a rich lane waits"
    spent = sum(int(call["cost"]) for call in stack.calls())
    batch = stream_of(stack)
    with stack.start("usage-rollups", **from_stream) as rollups:
        for _ in range(2):
            assert answer(rollups, batch)["batchItemFailures"] == []
    (lane,) = [item for item in stack.items("quotas") if item["sk"] == "LANE" and any(name.startswith("s:") for name in item)]
    assert stack.holds() == [] and sum(int(value) for name, value in lane.items() if name.startswith("s:")) == spent


def test_m17_each_threshold_is_told_once_however_often_its_records_come(stack, new_key, inbox, slow):
    stack.configure(slow.configuration)
    # one call costs 5 x 1.00 + 8 x 2.00 = 21 microdollars: past the soft budget, far from the hard one
    key = new_key(max_budget_usd="0.05", soft_budget_usd="0.00002")
    with stack.start() as router:
        answered = router.invoke(with_key(event("function-url-chat.json"), key, CHAT | {"model": "slow"}))
        assert answered.status == 200, answered.body
    batch = stream_of(stack)
    with stack.start("budget-alerts") as alerts:
        for _ in range(3):
            assert answer(alerts, batch) == {"batchItemFailures": []}
    told = inbox()
    assert [alert["threshold"] for alert in told] == ["soft_budget"], told
    assert told[0]["spend"] == "0.000021"
