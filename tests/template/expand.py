"""A SAM template as CloudFormation will see it: what the tests and cfn-lint judge.

    python tests/template/expand.py [TEMPLATE] > expanded.json
"""

import json
import sys
from pathlib import Path

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

ROOT = Path(__file__).resolve().parents[2]


def expand(path: Path) -> dict:
    template = yaml_parse(path.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
        if resource["Type"] == "AWS::CloudFormation::Stack":
            resource["Properties"]["TemplateURL"] = "https://bucket.s3.amazonaws.com/key"
    parameters = {name: spec.get("Default", "x") for name, spec in template.get("Parameters", {}).items()}
    session = boto3.Session(region_name="us-east-1")
    return Translator({}, Parser(), boto_session=session).translate(template, parameters)


if __name__ == "__main__":
    json.dump(expand(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "template.yaml"), sys.stdout, indent=1)
