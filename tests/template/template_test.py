"""What the deployed stack must look like, judged on the expansion: linters accept much that is wrong."""

import json
import re
import subprocess
import sys
from pathlib import Path

FUNCTIONS = {"RouterFunction", "KeyAdminFunction", "UsageRollupsFunction", "BudgetAlertsFunction"}
CONSUMERS = {"UsageRollupsFunction", "BudgetAlertsFunction"}
TABLES = {"KeysTable", "QuotasTable", "UsageTable", "CacheTable"}
STREAMED = {
    ("post", "/v1/chat/completions"),
    ("post", "/v1/messages"),
    ("post", "/model/{modelId}/converse"),
    ("post", "/model/{modelId}/converse-stream"),
}
BIN = Path(sys.executable).parent


def integrations(template, api):
    """(method, path) to the integration of every route of an API."""
    found = {}
    for path, methods in template.properties(api)["Body"]["paths"].items():
        for method, operation in methods.items():
            found[(method.removeprefix("x-amazon-apigateway-").removesuffix("-method"), path)] = operation[
                "x-amazon-apigateway-integration"
            ]
    return found


# ------------------------------------------------------------------ linters


def test_sam_validates_and_lints_both_templates(root):
    for arguments in (["sam", "validate", "--lint"], ["cfn-lint", "infra/observability.yaml"]):
        run = subprocess.run([BIN / arguments[0], *arguments[1:]], cwd=root, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr


def test_the_expansion_is_clean_too(template, tmp_path):
    expanded = tmp_path / "expanded.json"
    expanded.write_text(json.dumps(template.body))
    run = subprocess.run([BIN / "cfn-lint", expanded], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


# -------------------------------------------------------------- front doors


def test_l3_exactly_the_inference_routes_stream_through_rest(template):
    routes = integrations(template, "ClientApi")
    streamed = {route for route, i in routes.items() if i.get("responseTransferMode") == "STREAM"}
    by_uri = {r for r, i in routes.items() if i["uri"]["Fn::Sub"].endswith("/response-streaming-invocations")}
    assert streamed == by_uri == STREAMED
    assert all("2021-11-15" in routes[route]["uri"]["Fn::Sub"] for route in STREAMED)
    # without a longer limit a stream would still end at 29 s
    assert all(routes[route]["timeoutInMillis"] >= 600_000 for route in STREAMED)
    assert {("get", "/v1/models"), ("get", "/v1/models/{id+}"), ("post", "/v1/messages/count_tokens"), ("get", "/health"), ("any", "/{proxy+}")} == routes.keys() - STREAMED


def test_the_router_streams_exactly_what_the_api_streams(root):
    source = (root / "functions/router/src/front_door.rs").read_text()
    table = re.search(r"STREAMED_ROUTES[^=]*= &?\[(.*?)\];", source, re.S).group(1)
    assert set(re.findall(r'\("POST", "([^"]+)"\)', table)) == {path for _, path in STREAMED}


def test_both_apis_are_regional_binary_and_without_a_second_stage(template):
    for api in ("ClientApi", "AdminApi"):
        properties = template.properties(api)
        assert properties["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
        assert properties["BinaryMediaTypes"] == ["*/*"]
        assert "StageName" not in template.properties(next(n for n in template.resources if n.startswith(api + "Deployment")))
    assert template.properties("ClientApiStage")["Variables"] == {"responseTransferMode": "STREAM"}


def test_nothing_of_the_admin_api_streams(template):
    assert all("responseTransferMode" not in i for i in integrations(template, "AdminApi").values())
    assert {path for _, path in integrations(template, "AdminApi")} == {"/admin/{proxy+}"}


def test_z3_the_function_url_streams_and_asks_for_our_own_keys(template):
    (url,) = template.of_type("AWS::Lambda::Url").values()
    assert (url["InvokeMode"], url["AuthType"]) == ("RESPONSE_STREAM", "NONE")
    assert url["TargetFunctionArn"] == {"Ref": "RouterFunction"}


# ---------------------------------------------------------------- functions


def test_every_function_is_one_of_ours_and_has_its_own_role(template):
    functions = template.of_type("AWS::Lambda::Function")
    assert functions.keys() == FUNCTIONS
    roles = [f["Role"]["Fn::GetAtt"][0] for f in functions.values()]
    assert len(set(roles)) == len(roles) == len(template.of_type("AWS::IAM::Role"))
    for name, function in functions.items():
        assert function["Runtime"] == "provided.al2023", name
        assert function["LoggingConfig"]["LogGroup"]["Ref"] in template.resources, name


def test_sam_builds_each_function_from_its_own_folder(root):
    from samcli.yamlhelper import yaml_parse

    source = yaml_parse((root / "template.yaml").read_text())["Resources"]
    for name in FUNCTIONS:
        folder = root / source[name]["Properties"]["CodeUri"]
        binary = source[name]["Metadata"]["BuildProperties"]["Binary"]
        assert f'name = "{binary}"' in (folder / "Cargo.toml").read_text()


def test_rest_paths_reach_the_function_without_the_stage(template):
    for name in ("RouterFunction", "KeyAdminFunction"):
        assert template.properties(name)["Environment"]["Variables"]["AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH"] == "true"


def test_x6_a_function_environment_holds_names_and_no_secret(template):
    for name in FUNCTIONS:
        for variable, value in template.properties(name)["Environment"]["Variables"].items():
            literal = isinstance(value, str)
            assert not literal or value == "true", f"{name}: {variable} is written out"
            known = template.resources.keys() | {"AWS::StackName", "ProviderSecretsPrefix", "FreeHolds"}
            assert literal or value.keys() == {"Ref"} and value["Ref"] in known, f"{name}: {variable}"


def test_z5_concurrency_can_be_reserved_per_function(template):
    for name in FUNCTIONS:
        assert "Fn::If" in template.properties(name)["ReservedConcurrentExecutions"]


# --------------------------------------------------------------------- roles

READ = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}
WRITE = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
STREAM = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}
BEDROCK = {"bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:CountTokens"}
QUEUE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
KEEP = {"secretsmanager:CreateSecret", "secretsmanager:PutSecretValue"}
ALLOWED = {
    "RouterRole": LOGS | READ | WRITE | BEDROCK | {"dynamodb:DeleteItem", "secretsmanager:GetSecretValue"},
    "KeyAdminRole": LOGS | READ | WRITE | KEEP | {"dynamodb:DeleteItem", "secretsmanager:GetSecretValue"},
    "UsageRollupsRole": LOGS | STREAM | READ | WRITE | {"dynamodb:BatchWriteItem", "s3:PutObject", "sqs:SendMessage"},
    "BudgetAlertsRole": LOGS | STREAM | READ | WRITE | QUEUE | {"sqs:SendMessage", "sns:Publish", "secretsmanager:GetSecretValue"},
}


def statements(template, role):
    for policy in template.properties(role)["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def as_list(value):
    return value if isinstance(value, list) else [value]


def test_z1_no_role_may_do_more_than_its_work(template):
    assert template.of_type("AWS::IAM::Role").keys() == ALLOWED.keys()
    for role, allowed in ALLOWED.items():
        assert "ManagedPolicyArns" not in template.properties(role)
        granted = {action for s in statements(template, role) for action in as_list(s["Action"])}
        assert granted <= allowed, f"{role}: {granted - allowed}"


def test_z1_no_wildcard_action_anywhere(template):
    def actions(node):
        if isinstance(node, dict):
            if node.get("Effect") == "Allow":
                yield from as_list(node["Action"])
            for value in node.values():
                yield from actions(value)
        elif isinstance(node, list):
            for value in node:
                yield from actions(value)

    found = list(actions(template.body))
    assert found and not [action for action in found if "*" in action]


def test_z1_a_wildcard_resource_only_where_aws_has_no_finer_form(template):
    for role in ALLOWED:
        for statement in statements(template, role):
            if "*" in as_list(statement["Resource"]):
                assert as_list(statement["Action"]) == ["dynamodb:ListStreams"], statement["Sid"]


def test_z1_who_writes_provider_credentials_does_not_read_them(template):
    for role in ALLOWED:
        for statement in statements(template, role):
            actions = set(as_list(statement["Action"]))
            if actions & KEEP:
                assert (role, actions) == ("KeyAdminRole", KEEP)
                assert statement["Resource"]["Fn::Sub"].endswith(":secret:${ProviderSecretsPrefix}/providers/*")
            elif role == "KeyAdminRole" and "secretsmanager:GetSecretValue" in actions:
                assert statement["Resource"] == [{"Ref": "PepperSecret"}, {"Ref": "AdminKeySecret"}]


def test_z1_nobody_deletes_from_ledger_or_usage(template):
    for role in ALLOWED:
        for statement in statements(template, role):
            actions = set(as_list(statement["Action"]))
            assert "dynamodb:Scan" not in actions
            of_s3 = {action for action in actions if action.startswith("s3:")}
            if of_s3:  # the archive grows, and nobody deletes from it or reads it
                assert (role, of_s3) == ("UsageRollupsRole", {"s3:PutObject"})
                assert statement["Resource"] == {"Fn::Sub": "${AuditBucket.Arn}/audit/*"}
            if "dynamodb:DeleteItem" in actions:
                assert (role, statement["Resource"]) in [
                    ("KeyAdminRole", {"Fn::GetAtt": ["KeysTable", "Arn"]}),
                    ("RouterRole", {"Fn::GetAtt": ["CacheTable", "Arn"]}),  # a caller's own stored responses
                ]


def test_z1_the_router_writes_no_key(template):
    for statement in statements(template, "RouterRole"):
        if statement["Resource"] == {"Fn::GetAtt": ["KeysTable", "Arn"]} and set(as_list(statement["Action"])) & WRITE:
            assert statement["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["SETTINGS"]}}


# -------------------------------------------------------------------- tables


def test_z2_every_table_recovers_expires_and_is_encrypted_with_our_key(template):
    tables = template.of_type("AWS::DynamoDB::Table")
    assert tables.keys() == TABLES
    for name, table in tables.items():
        assert table["BillingMode"] == "PAY_PER_REQUEST", name
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name
        assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}, name
        assert table["SSESpecification"]["SSEType"] == "KMS", name
        assert [k["AttributeName"] for k in table["KeySchema"]] == ["pk", "sk"], name
    for name in TABLES - {"CacheTable"}:
        assert template.resources[name]["DeletionPolicy"] == "Retain"
        assert tables[name]["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}


def consumers(template):
    """The mappings that read the stream."""
    mappings = template.of_type("AWS::Lambda::EventSourceMapping").values()
    return [m for m in mappings if m["EventSourceArn"] == {"Fn::GetAtt": ["UsageTable", "StreamArn"]}]


def test_only_usage_has_a_stream_and_two_consumers(template):
    streams = {n: t["StreamSpecification"] for n, t in template.of_type("AWS::DynamoDB::Table").items() if "StreamSpecification" in t}
    assert streams == {"UsageTable": {"StreamViewType": "NEW_AND_OLD_IMAGES"}}
    assert {m["FunctionName"]["Ref"] for m in consumers(template)} == CONSUMERS


def test_l4_the_rollups_learn_which_shard_a_batch_comes_from(template):
    (rollups,) = [m for m in consumers(template) if m["FunctionName"]["Ref"] == "UsageRollupsFunction"]
    assert rollups["TumblingWindowInSeconds"] > 0 and "ParallelizationFactor" not in rollups


def test_l5_an_outage_of_any_length_dead_letters_nothing_that_is_sound(template):
    for mapping in consumers(template):
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["BisectBatchOnFunctionError"] is True
        # Poison is put away by the function itself; all else comes again for as long as the stream keeps it.
        assert mapping["MaximumRetryAttempts"] == -1 and "MaximumRecordAgeInSeconds" not in mapping
        queue = mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
        assert template.resources[queue]["Type"] == "AWS::SQS::Queue"
        (pattern,) = (json.loads(f["Pattern"]) for f in mapping["FilterCriteria"]["Filters"])
        assert pattern["dynamodb"]["Keys"] == {"sk": {"S": ["CALL"]}}


def test_l5_the_rollups_know_the_queue_for_what_they_cannot_use(template):
    variables = template.properties("UsageRollupsFunction")["Environment"]["Variables"]
    assert variables["PORTUNUS_DEAD_LETTERS"] == {"Ref": "UsageRollupsDeadLetters"}
    (send,) = [s for s in statements(template, "UsageRollupsRole") if "sqs:SendMessage" in as_list(s["Action"])]
    assert send["Resource"] == {"Fn::GetAtt": ["UsageRollupsDeadLetters", "Arn"]}


def test_a4_the_rollups_read_of_the_keys_table_what_admins_changed_and_nothing_else(template):
    (read,) = [s for s in statements(template, "UsageRollupsRole") if s["Resource"] == {"Fn::GetAtt": ["KeysTable", "Arn"]}]
    assert as_list(read["Action"]) == ["dynamodb:Query"]
    assert read["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["AUDIT#*"]}}


def test_m17_webhooks_are_fed_by_a_queue_that_only_the_topic_may_fill(template):
    (mapping,) = [m for m in template.of_type("AWS::Lambda::EventSourceMapping").values() if m not in consumers(template)]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["AlertsQueue", "Arn"]}
    assert mapping["FunctionName"] == {"Ref": "BudgetAlertsFunction"}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queue = template.properties("AlertsQueue")
    assert queue["VisibilityTimeout"] >= 6 * template.properties("BudgetAlertsFunction")["Timeout"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["BudgetAlertsDeadLetters", "Arn"]}
    (allow,) = template.properties("AlertsQueuePolicy")["PolicyDocument"]["Statement"]
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "AlertsTopic"}}}
    assert template.properties("AlertsToQueue")["RawMessageDelivery"] is True


def test_the_alerts_read_secrets_of_webhooks_alone(template):
    (secrets,) = [s for s in statements(template, "BudgetAlertsRole") if "secretsmanager:GetSecretValue" in as_list(s["Action"])]
    assert secrets["Resource"]["Fn::Sub"].endswith(":secret:${ProviderSecretsPrefix}/webhooks/*")


def test_m6_the_sweeper_runs_every_minute(template):
    (rule,) = template.of_type("AWS::Events::Rule").values()
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": ["UsageRollupsFunction", "Arn"]}


# ---------------------------------------------------- secrets, audit, watching


def test_secrets_are_generated_and_encrypted(template):
    secrets = template.of_type("AWS::SecretsManager::Secret")
    assert secrets.keys() == {"PepperSecret", "AdminKeySecret"}
    for secret in secrets.values():
        assert secret["GenerateSecretString"]["PasswordLength"] >= 43 and "SecretString" not in secret
    assert "{{resolve:" not in json.dumps(template.body)


def test_the_router_cannot_read_the_admin_key(template):
    readable = [r for s in statements(template, "RouterRole") if "secretsmanager:GetSecretValue" in as_list(s["Action"]) for r in as_list(s["Resource"])]
    assert {"Ref": "AdminKeySecret"} not in readable
    assert all("-internal" not in json.dumps(r) for r in readable)


def test_a3_the_audit_bucket_is_locked_private_and_tls_only(template):
    bucket = template.properties("AuditBucket")
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    retention = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert retention == {"Mode": {"Ref": "AuditLockMode"}, "Days": {"Ref": "AuditRetentionDays"}}
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    (deny,) = template.properties("AuditBucketPolicy")["PolicyDocument"]["Statement"]
    assert deny["Effect"] == "Deny" and deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_every_log_group_forgets(template):
    groups = template.of_type("AWS::Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS)
    assert all(g["RetentionInDays"] == {"Ref": "LogRetentionDays"} for g in groups.values())


def test_a1_a_gap_in_the_audit_alarms(observability):
    (gaps,) = observability.of_type("AWS::Logs::MetricFilter").values()
    (metric,) = gaps["MetricTransformations"]
    root = Path(__file__).resolve().parents[2] / "shared/gateway/src"
    said = (root / "settlement.rs").read_text() + (root / "admission.rs").read_text()
    assert said.count(gaps["FilterPattern"].strip('"')) == 2, "what the filter looks for is not what is said"
    alarms = observability.of_type("AWS::CloudWatch::Alarm").values()
    (alarm,) = [a for a in alarms if a["MetricName"] == metric["MetricName"]]
    assert alarm["Namespace"] == metric["MetricNamespace"] and alarm["Threshold"] == 1


def test_l5_lag_dead_letters_errors_and_throttles_alarm(observability):
    alarms = [a for a in observability.of_type("AWS::CloudWatch::Alarm").values() if "Dimensions" in a]
    watched = {(a["MetricName"], a["Dimensions"][0]["Value"]["Ref"]) for a in alarms}
    for function in ("Router", "KeyAdmin", "UsageRollups", "BudgetAlerts"):
        assert {("Errors", function), ("Throttles", function)} <= watched
    for worker in ("UsageRollups", "BudgetAlerts"):
        assert {("IteratorAge", worker), ("ApproximateNumberOfMessagesVisible", worker + "DeadLetters")} <= watched


def test_every_alarm_tells_somebody(observability):
    assert all(a["AlarmActions"] == [{"Ref": "AlertsTopic"}] for a in observability.of_type("AWS::CloudWatch::Alarm").values())


def test_the_dashboard_is_json_and_every_name_in_it_is_known(observability):
    (dashboard,) = observability.of_type("AWS::CloudWatch::Dashboard").values()
    body = dashboard["DashboardBody"]["Fn::Sub"]
    assert json.loads(body)["widgets"]
    known = set(observability.body["Parameters"]) | {"AWS::Region"}
    assert set(re.findall(r"\$\{([^}]+)}", body)) <= known


def test_the_nested_stack_gets_every_parameter(template, observability):
    assert template.properties("Observability")["Parameters"].keys() == observability.body["Parameters"].keys()


def test_the_outputs_of_the_contract_are_there(template):
    assert {"ApiUrl", "StreamUrl", "AdminUrl", "DashboardUrl", "AuditBucket", "KeysTable"} <= template.outputs.keys()


def test_a4_nobody_changes_or_removes_what_the_audit_holds(template):
    denied = [s for s in statements(template, "KeyAdminRole") if s["Effect"] == "Deny"]
    assert [(set(s["Action"]), s["Condition"]) for s in denied] == [
        ({"dynamodb:DeleteItem", "dynamodb:UpdateItem"}, {"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": ["AUDIT#*"]}})
    ]
