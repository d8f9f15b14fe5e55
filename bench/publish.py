#!/usr/bin/python3
"""The work of publish.lua through boto3.

usage: publish.py PORT N [CA]   over TLS with that CA
"""
import sys

import boto3

ca = sys.argv[3] if len(sys.argv) > 3 else None
origin = "https://localhost:" if ca else "http://127.0.0.1:"
client = boto3.client(
    "iot-data", region_name="us-east-1", endpoint_url=origin + sys.argv[1],
    verify=ca,
    aws_access_key_id="AKIDEXAMPLE",
    aws_secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
for _ in range(int(sys.argv[2])):
    client.publish(topic="sensors/1", qos=1, payload=b"21.5")
