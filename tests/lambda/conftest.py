"""A stack to run functions against: tables, secrets and keys in the local emulator."""

import json
import sys
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests/support")]

from binaries import binary  # noqa: E402
from ministack import Ministack  # noqa: E402
from runtime_api import Function  # noqa: E402

ADMIN_KEY = "root-admin-key-of-the-tests"


def event(name: str) -> dict:
    return json.loads((ROOT / "events" / name).read_text())


def with_key(request: dict, key: str, body: dict | None = None) -> dict:
    """An event of `events/` with this virtual key and, if given, this body."""
    request = json.loads(json.dumps(request).replace("sk-ptn-example", key).replace("root-admin-key", key))
    if body is not None:
        request["body"], request["isBase64Encoded"] = json.dumps(body), False
        request["headers"].pop("content-length", None)
    return request


class Stack:
    """Tables and secrets under names of their own, and the functions' environment."""

    def __init__(self, emulator: Ministack):
        self.emulator, self.dynamodb = emulator, emulator.client("dynamodb")
        prefix = "t" + uuid.uuid4().hex[:8]
        self.tables = {name: f"{prefix}-{name}" for name in ("keys", "quotas", "usage", "cache")}
        for name in self.tables.values():
            self.dynamodb.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in ("pk", "sk")],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            )
        secrets = emulator.client("secretsmanager")
        for name, value in (("pepper", uuid.uuid4().hex * 2), ("admin-key", ADMIN_KEY)):
            secrets.create_secret(Name=f"{prefix}-internal/{name}", SecretString=value)
        self.topic = emulator.client("sns").create_topic(Name=prefix + "-alerts")["TopicArn"]
        self.bucket = prefix + "-audit"
        emulator.client("s3").create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": emulator.environment["AWS_REGION"]}
        )
        self.dead_letters = emulator.client("sqs").create_queue(QueueName=prefix + "-dead-letters")["QueueUrl"]
        self.environment = {
            **emulator.environment,
            "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH": "true",
            **{f"PORTUNUS_{name.upper()}_TABLE": table for name, table in self.tables.items()},
            "PORTUNUS_PEPPER_SECRET": f"{prefix}-internal/pepper",
            "PORTUNUS_ADMIN_KEY_SECRET": f"{prefix}-internal/admin-key",
            "PORTUNUS_ALERTS_TOPIC": self.topic,
            "PORTUNUS_AUDIT_BUCKET": self.bucket,
            "PORTUNUS_DEAD_LETTERS": self.dead_letters,
            "PORTUNUS_GATEWAY": prefix,
            "PORTUNUS_SECRETS_PREFIX": prefix,
        }

    def configure(self, text: str):
        """Writes the settings item, as an operator would through the admin API."""
        item = {"pk": {"S": "SETTINGS"}, "sk": {"S": "CONFIG"}, "text": {"S": text}, "v": {"N": "2"}, "put_at": {"N": "1"}}
        self.dynamodb.put_item(TableName=self.tables["keys"], Item=item)

    def items(self, table: str) -> list[dict]:
        """Every item of a table, as plain values."""
        found = self.dynamodb.scan(TableName=self.tables[table], ConsistentRead=True)["Items"]
        return [{name: next(iter(value.values())) for name, value in item.items()} for item in found]

    def calls(self) -> list[dict]:
        return [item for item in self.items("usage") if item["sk"] == "CALL"]

    def holds(self) -> list[str]:
        """Names of the holds that are still in some lane."""
        lanes = [item for item in self.items("quotas") if item["sk"] == "LANE"]
        return [name for lane in lanes for name in lane if name.startswith("h:")]

    def expire_holds(self):
        """Moves the leases of all holds into the past: `h:<call>` is `<lease end, s>,<W>,<ambiguous>,<window>`."""
        for lane in [item for item in self.items("quotas") if item["sk"] == "LANE"]:
            for name in [name for name in lane if name.startswith("h:")]:
                self.dynamodb.update_item(
                    TableName=self.tables["quotas"],
                    Key={"pk": {"S": lane["pk"]}, "sk": {"S": "LANE"}},
                    UpdateExpression="SET #h = :past",
                    ExpressionAttributeNames={"#h": name},
                    ExpressionAttributeValues={":past": {"S": "1," + lane[name].split(",", 1)[1]}},
                )

    def start(self, function: str = "router", **options) -> Function:
        environment = self.environment | options.pop("environment", {})
        return Function(str(binary(function)), environment, **options)


@pytest.fixture(scope="session")
def emulator():
    with Ministack() as emulator:
        yield emulator


@pytest.fixture
def stack(emulator) -> Stack:
    return Stack(emulator)


@pytest.fixture
def new_key(stack):
    """Makes a virtual key with these fields, through the key-admin function; gives its secret."""
    with stack.start("key-admin", freezes=False) as admin:

        def create(**fields) -> str:
            asked = with_key(event("admin-create-key.json"), ADMIN_KEY, {"name": "test", **fields})
            made = admin.invoke(asked)
            assert made.error is None and made.status in (200, 201), made.error or made.body
            return json.loads(made.body)["key"]

        yield create


@pytest.fixture
def slow():
    from upstream import SlowUpstream

    upstream = SlowUpstream()
    yield upstream
    upstream.close()
